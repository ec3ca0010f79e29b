// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/taxonomy.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace lightavseg {

using Json = nlohmann::ordered_json;

/// Turns the JSON text into a Taxonomy; every complaint names the member it is about.
class TaxonomyReader {
 public:
  TaxonomyReader(std::string_view json, const std::string& name) : name_(name) {
    try {
      root_ = Json::parse(json);
    } catch (const Json::exception& error) {  // not only parse_error: 1e999 is out_of_range
      fail("", fmt::format("is not JSON: {}", error.what()));
    }
    if (!root_.is_object()) fail("", "must be a JSON object");
  }

  Taxonomy read() {
    static const std::set<std::string> kMembers = {"version", "visible",     "sound_only",
                                                   "groups",  "instruments", "inseparable",
                                                   "voc",     "aliases",     "rules"};
    for (const auto& [key, value] : root_.items()) {
      if (kMembers.count(key) == 0) fail(key, "is not a member of a taxonomy; remove it");
    }
    if (member("version") != 1) fail("version", "must be 1");
    read_names();
    read_aliases();
    read_groups();
    read_voc();
    read_rules();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& where, const std::string& what) const {
    throw TaxonomyError(where.empty() ? fmt::format("taxonomy '{}': {}", name_, what)
                                      : fmt::format("taxonomy '{}': {} {}", name_, where, what));
  }

  const Json& member(const std::string& key) const {
    const auto it = root_.find(key);
    if (it == root_.end()) fail(key, "is missing");
    return *it;
  }

  const Json& object(const std::string& key) const {
    const Json& value = member(key);
    if (!value.is_object()) fail(key, "must be an object");
    return value;
  }

  std::vector<std::string> strings(const Json& value, const std::string& where) const {
    if (!value.is_array()) fail(where, "must be a list of class names");
    std::vector<std::string> out;
    for (const Json& item : value) {
      if (!item.is_string()) fail(where, "must hold texts only");
      out.push_back(item.get<std::string>());
    }
    return out;
  }

  int class_of(const std::string& name, const std::string& where) const {
    const int cls = out_.find(name);
    if (cls <= 0) {
      fail(where, fmt::format("names the class '{}', which is in neither 'visible' nor "
                              "'sound_only'",
                              name));
    }
    return cls;
  }

  void read_names() {
    out_.names_ = {"background"};
    for (const char* key : {"visible", "sound_only"}) {
      for (const std::string& name : strings(member(key), key)) {
        if (name.empty()) fail(key, "holds an empty name");
        out_.names_.push_back(name);
      }
      if (std::string(key) == "visible") out_.visible_count_ = out_.class_count();
    }
    if (out_.visible_count_ < 1 || out_.visible_count_ > Taxonomy::kMaxVisible) {
      fail("visible", fmt::format("must name 1 to {} classes", Taxonomy::kMaxVisible));
    }
    for (std::size_t i = 0; i < out_.names_.size(); ++i) {
      if (!out_.by_name_.emplace(out_.names_[i], static_cast<int>(i)).second) {
        fail(static_cast<int>(i) <= out_.visible_count_ ? "visible" : "sound_only",
             fmt::format("names '{}' a second time ('background' is always class 0)",
                         out_.names_[i]));
      }
    }
  }

  void read_aliases() {
    for (const auto& [alias, value] : object("aliases").items()) {
      const std::string where = "aliases." + alias;
      if (!value.is_string()) fail(where, "must be a class name");
      const int cls = class_of(value.get<std::string>(), where);
      if (!out_.by_name_.emplace(alias, cls).second) fail(where, "is a class name already");
    }
  }

  void read_groups() {
    const std::size_t count = out_.names_.size();
    std::vector<std::set<int>> confusable(count);
    for (const auto& [group, value] : object("groups").items()) {
      const std::string where = "groups." + group;
      std::vector<int> members;
      for (const std::string& name : strings(value, where)) {
        members.push_back(class_of(name, where));
      }
      for (const int a : members) {
        for (const int b : members) {
          if (a != b) confusable[static_cast<std::size_t>(a)].insert(b);
        }
      }
    }
    for (const auto& set : confusable) out_.confusable_.emplace_back(set.begin(), set.end());

    out_.instrument_.assign(count, false);
    for (const std::string& name : strings(member("instruments"), "instruments")) {
      out_.instrument_[static_cast<std::size_t>(class_of(name, "instruments"))] = true;
    }

    out_.inseparable_.resize(count);
    for (const auto& [heard, value] : object("inseparable").items()) {
      const std::string where = "inseparable." + heard;
      auto& list = out_.inseparable_[static_cast<std::size_t>(class_of(heard, where))];
      for (const std::string& name : strings(value, where)) {
        list.push_back(class_of(name, where));
        if (!out_.is_visible(list.back())) {
          fail(where, fmt::format("names '{}', which is not visible", name));
        }
      }
    }
  }

  void read_voc() {
    out_.from_voc_.assign(21, 0);
    for (const auto& [name, value] : object("voc").items()) {
      const std::string where = "voc." + name;
      const int cls = class_of(name, where);
      if (!out_.is_visible(cls)) fail(where, "is not a visible class");
      if (!value.is_number_integer() || value < 1 || value > 20) {
        fail(where, "must be a VOC class number from 1 to 20");
      }
      out_.from_voc_[value.get<std::size_t>()] = cls;
    }
  }

  void read_rules() {
    static const std::set<std::string> kKinds = {"any",   "image",      "cutout",
                                                 "sound", "distractor", "background"};
    const Json& rules = member("rules");
    if (!rules.is_array()) fail("rules", "must be a list");
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const std::string where = fmt::format("rules[{}]", i);
      if (!rules[i].is_object() || rules[i].size() != 4) {
        fail(where, "must be an object with the members kind, class, match and to");
      }
      std::vector<std::string> texts;
      for (const char* key : {"kind", "class", "match", "to"}) {
        const auto it = rules[i].find(key);
        if (it == rules[i].end() || !it->is_string()) {
          fail(fmt::format("{}.{}", where, key), "must be a text");
        }
        texts.push_back(it->get<std::string>());
      }
      if (kKinds.count(texts[0]) == 0) {
        fail(where + ".kind", fmt::format("is '{}'; it must be any, image, cutout, sound, "
                                          "distractor or background",
                                          texts[0]));
      }
      Taxonomy::Rule rule{texts[0], texts[1], texts[2], -1};
      if (!texts[3].empty()) rule.to = class_of(texts[3], where + ".to");
      out_.rules_.push_back(rule);
    }
  }

  const std::string& name_;
  Json root_;
  Taxonomy out_;
};

Taxonomy Taxonomy::load(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw TaxonomyError(fmt::format(
        "taxonomy '{}' cannot be read; model/pretrained/taxonomy.json is an example",
        path.string()));
  }
  return parse(text.str(), path.string());
}

Taxonomy Taxonomy::parse(std::string_view json, const std::string& name) {
  return TaxonomyReader(json, name).read();
}

int Taxonomy::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

const std::vector<int>& Taxonomy::confusable_with(int cls) const {
  return confusable_.at(static_cast<std::size_t>(cls));
}

bool Taxonomy::may_sound_like(int seen, int heard) const {
  if (seen == heard) return true;
  const auto& list = inseparable_.at(static_cast<std::size_t>(heard));
  return std::find(list.begin(), list.end(), seen) != list.end();
}

int Taxonomy::from_voc(int voc) const {
  return voc >= 0 && voc < static_cast<int>(from_voc_.size())
             ? from_voc_[static_cast<std::size_t>(voc)]
             : 0;
}

Taxonomy::Resolved Taxonomy::resolve(const std::string& kind, const std::string& cls,
                                     const std::string& text) const {
  for (const Rule& rule : rules_) {
    if ((rule.kind == "any" || rule.kind == kind) && rule.cls == cls &&
        text.find(rule.match) != std::string::npos) {
      return {rule.to < 0, rule.to, true};
    }
  }
  return {false, cls.empty() ? 0 : find(cls), false};
}

}  // namespace lightavseg
