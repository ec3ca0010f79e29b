// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/pickle.h"

#include <fmt/format.h>

#include <unordered_map>

#include "model/files/file_error.h"
#include "model/import/pickle_objects.h"

namespace lightavseg {
namespace {

using Kind = PickleKind;

// The instructions, by the names of Python's pickletools.
enum Opcode : unsigned char {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}

  Pickle read() {
    while (step()) {
    }
    return objects_.finish(pop(), at_);
  }

  // Where the instruction being read begins.
  size_t place() const { return start_; }

 private:
  using Items = PickleObjects::Items;

  [[noreturn]] static void fail(const std::string& problem) { throw PickleProblem(problem); }

  std::string_view take(uint64_t bytes) {
    if (bytes > data_.size() - at_)
      fail(
          fmt::format("{} more bytes are needed, but only {} are left; the file is damaged or "
                      "truncated, get it again",
                      bytes, data_.size() - at_));
    const auto taken = data_.substr(at_, size_t(bytes));
    at_ += size_t(bytes);
    return taken;
  }

  uint64_t little_endian(int bytes) {
    uint64_t value = 0;
    const auto taken = take(uint64_t(bytes));
    for (int i = 0; i < bytes; ++i)
      value |= uint64_t(static_cast<unsigned char>(taken[size_t(i)])) << (8 * i);
    return value;
  }

  std::string_view line() {
    const size_t end = data_.find('\n', at_);
    if (end == std::string_view::npos) fail("a name has no end; the file is damaged");
    const auto text = take(end - at_);
    take(1);
    return text;
  }

  void push(uint32_t index) {
    if (stack_.size() >= kMostPickleValues)
      fail(fmt::format("more than {} values on the stack", kMostPickleValues));
    stack_.push_back(index);
  }
  void push(Kind kind, int64_t number = 0) { push(objects_.make({kind, number, {}, {}})); }
  void push_text(std::string_view text) {
    push(objects_.make({Kind::kText, 0, std::string(text), {}}));
  }

  // A mark hides what lies below it, as in Python.
  void expect(size_t count) const {
    const size_t bottom = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - bottom < count) fail("the stack holds too few values; the file is damaged");
  }
  uint32_t top() const {
    expect(1);
    return stack_.back();
  }
  uint32_t pop() {
    const uint32_t index = top();
    stack_.pop_back();
    return index;
  }
  Items pop_items(size_t count) {
    expect(count);
    Items items(stack_.end() - std::ptrdiff_t(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  Items pop_to_mark() {
    if (marks_.empty()) fail("there is no mark; the file is damaged");
    auto items = pop_items(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  void memoize(uint64_t key) {
    if (memo_.size() >= kMostPickleValues)
      fail(fmt::format("more than {} values are to be remembered", kMostPickleValues));
    memo_[key] = top();
  }
  void recall(uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end())
      fail(fmt::format("nothing is remembered as number {}; the file is damaged", key));
    push(found->second);
  }

  // Integers of more than 64 bits occur in states of random generators only.
  void push_long(uint64_t bytes) {
    const auto digits = take(bytes);
    if (bytes > 8) return push(Kind::kSkipped);
    const bool negative = bytes > 0 && (static_cast<unsigned char>(digits.back()) & 0x80u) != 0;
    uint64_t value = negative ? ~uint64_t(0) : 0;
    for (size_t i = digits.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(digits[i]);
    push(Kind::kNumber, static_cast<int64_t>(value));
  }

  bool step();
  bool containers(unsigned char opcode);

  std::string_view data_;
  size_t at_ = 0, start_ = 0;
  PickleObjects objects_;
  Items stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, uint32_t> memo_;
};

// Instructions that take values from the stack. Whether it was one.
bool Reader::containers(unsigned char opcode) {
  Items items;
  switch (opcode) {
    case kPop:
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case kPopMark:
      pop_to_mark();
      return true;
    case kDup:
      push(top());
      return true;
    case kAppend:
      items = pop_items(1);
      objects_.append(top(), items);
      return true;
    case kAppends:
      items = pop_to_mark();
      objects_.append(top(), items);
      return true;
    case kSetItem:
      items = pop_items(2);
      objects_.set_items(top(), items);
      return true;
    case kSetItems:
      items = pop_to_mark();
      objects_.set_items(top(), items);
      return true;
    case kTuple:
      push(objects_.make_items(Kind::kTuple, pop_to_mark()));
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push(objects_.make_items(Kind::kTuple, pop_items(size_t(opcode) - kTuple1 + 1)));
      return true;
    case kList:
      push(objects_.make_items(Kind::kList, pop_to_mark()));
      return true;
    case kDict:
      items = pop_to_mark();
      push(Kind::kDict);
      objects_.set_items(top(), items);
      return true;
    case kReduce:
    case kNewObj:
      items = pop_items(2);
      push(objects_.call(items[0], items[1]));
      return true;
    case kBuild:
      pop();
      objects_.set_attributes(top());
      return true;
    case kBinPersId:
      push(objects_.make_storage(pop()));
      return true;
    case kStackGlobal:
      items = pop_items(2);
      push(objects_.make_global(objects_.value(items[0]).text + "." +
                                objects_.value(items[1]).text));
      return true;
    default:
      return false;
  }
}

// One instruction. False behind STOP.
bool Reader::step() {
  start_ = at_;
  if (at_ >= kMostPickleBytes)
    fail(fmt::format("the pickle is longer than {} bytes", kMostPickleBytes));
  const auto opcode = static_cast<unsigned char>(take(1)[0]);
  if (containers(opcode)) return true;
  switch (opcode) {
    case kStop:
      return false;
    case kProto:
      if (const auto protocol = little_endian(1); protocol < 2 || protocol > 5)
        fail(fmt::format("pickle protocol {}; 2 to 5 can be read", protocol));
      break;
    case kFrame:
      take(8);
      break;
    case kMark:
      if (marks_.size() >= kMostPickleMarks)
        fail(fmt::format("more than {} levels inside one another", kMostPickleMarks));
      marks_.push_back(stack_.size());
      break;
    case kNone:
      push(Kind::kNone);
      break;
    case kNewTrue:
    case kNewFalse:
      push(Kind::kNumber, opcode == kNewTrue);
      break;
    case kBinInt:
      push(Kind::kNumber, static_cast<int32_t>(little_endian(4)));
      break;
    case kBinInt1:
      push(Kind::kNumber, int64_t(little_endian(1)));
      break;
    case kBinInt2:
      push(Kind::kNumber, int64_t(little_endian(2)));
      break;
    case kLong1:
      push_long(little_endian(1));
      break;
    case kLong4:
      push_long(little_endian(4));
      break;
    case kBinFloat:
      take(8);
      push(Kind::kSkipped);
      break;
    case kShortBinUnicode:
    case kShortBinString:
    case kShortBinBytes:
      push_text(take(little_endian(1)));
      break;
    case kBinUnicode:
    case kBinString:
    case kBinBytes:
      push_text(take(little_endian(4)));
      break;
    case kBinUnicode8:
    case kBinBytes8:
      push_text(take(little_endian(8)));
      break;
    case kEmptyTuple:
      push(Kind::kTuple);
      break;
    case kEmptyList:
      push(Kind::kList);
      break;
    case kEmptyDict:
      push(Kind::kDict);
      break;
    case kGlobal: {
      std::string name(line());
      name += ".";
      push(objects_.make_global(name.append(line())));
      break;
    }
    case kBinPut:
      memoize(little_endian(1));
      break;
    case kLongBinPut:
      memoize(little_endian(4));
      break;
    case kMemoize:
      memoize(memo_.size());
      break;
    case kBinGet:
      recall(little_endian(1));
      break;
    case kLongBinGet:
      recall(little_endian(4));
      break;
    default:
      fail(
          fmt::format("instruction 0x{:02x} is none that torch.save() writes; the file is damaged "
                      "or no checkpoint",
                      opcode));
  }
  return true;
}

}  // namespace

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != PickleKind::kDict) return nullptr;
  const PickleValue* found = nullptr;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const auto& name = values[dict.items[i]];
    if (name.kind == PickleKind::kText && name.text == key) found = &values[dict.items[i + 1]];
  }
  return found;
}

Pickle read_pickle(const std::filesystem::path& path, const std::string& part,
                   std::string_view data) {
  Reader reader(data);
  try {
    return reader.read();
  } catch (const PickleProblem& problem) {
    throw FileError(path, fmt::format("{} at byte {}", part, reader.place()), problem.what());
  }
}

}  // namespace lightavseg
