// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg label: masks for photographs of a known class that nobody has outlined.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "model/data/augment.h"
#include "model/data/csv.h"
#include "model/data/material.h"
#include "model/data/pseudo_mask.h"
#include "model/evaluation/for_each_index.h"
#include "model/evaluation/scene_predictor.h"
#include "model/files/atomic_file.h"
#include "model/inference/model_path.h"
#include "model/network/model_file.h"
#include "model/training/runtime.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model, material, taxonomy, output;
  int threads = 2, size = 0;
};

// The row of manifest.csv that a photograph of the pool gets, or why it gets none.
struct Labelled {
  std::string row, why;
};

// The number of a model's class, 0 if it has none of that name; number 0 is the background.
int number_of(const std::vector<std::string>& names, const std::string& name) {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? 0 : int(it - names.begin());
}

Crop whole(const cv::Mat& picture) {
  return {cv::Rect({}, picture.size()), false};
}

class Labeller {
 public:
  Labeller(const Options& o, const Material& material, LightAVSeg& network)
      : material_(material),
        output_(o.output),
        predictor_(network),
        silence_(predictor_.audio_state(std::vector<float>(kSceneSamples, 0.0f))),
        size_(o.size > 0 ? o.size : network->config().train_height),
        person_(number_of(network->config().class_names, "person")) {}

  Labelled label(int index) const {
    try {
      return label_readable(index);
    } catch (const MaterialError& error) {  // one damaged file of thousands
      return {"", error.what()};
    }
  }

 private:
  Labelled label_readable(int index) const {
    const PoolPhoto& photo = material_.pool()[size_t(index)];
    const Picture& picture = material_.pool_picture(index);
    const std::string& name = material_.taxonomy().class_name(photo.image_class);
    Labelled out;
    cv::Mat object, people;
    see(picture.rgb, name == "person" ? 0 : person_, &object, &people);
    const double persons = cv::countNonZero(people > 0.5) / double(people.total());
    if (persons > 0.02) {
      out.why = fmt::format("{:.0f} % of the picture is a person", 100 * persons);
      return out;
    }
    const auto made = pseudo_mask(picture.rgb, object, &out.why);
    if (!made) return out;
    const fs::path mask = fs::path("masks") / (photo.id + ".png");
    fs::create_directories((output_ / mask).parent_path());
    // As large as the file, not as what was read of it.
    const cv::Mat full = crop_labels(made->mask, whole(made->mask),
                                     {cvRound(picture.rgb.cols * picture.file_scale_x),
                                      cvRound(picture.rgb.rows * picture.file_scale_y)});
    std::vector<uchar> png;
    cv::imencode(".png", full, png);
    write_atomically(output_ / mask,
                     std::string_view(reinterpret_cast<const char*>(png.data()), png.size()));
    out.row =
        fmt::format("{},{},train,image,{},{},model,{},{:.4f}\n",
                    csv_field(fs::relative(photo.image, output_).generic_string()), csv_field(name),
                    csv_field(mask.generic_string()), csv_field(photo.licence),
                    made->plain_background ? "plain" : "natural", made->object_fraction);
    return out;
  }

  // How probable objects other than persons are, and persons, at the size of the picture: the mean
  // of the picture and its mirror image. person: a class of the model; 0: persons are objects, too.
  void see(const cv::Mat& rgb, int person, cv::Mat* object, cv::Mat* people) const {
    torch::NoGradGuard no_grad;
    const cv::Mat image = crop_image(rgb, whole(rgb), {size_, size_});
    cv::Mat mirrored;
    cv::flip(image, mirrored, 1);
    auto classes = predictor_.seen_classes(image, silence_);
    classes = (classes + predictor_.seen_classes(mirrored, silence_).flip({2})) / 2;
    auto persons = person > 0 ? classes[person] : torch::zeros_like(classes[0]);
    auto objects = (1 - classes[0] - persons).contiguous();
    persons = persons.contiguous();
    cv::resize(cv::Mat(size_, size_, CV_32F, objects.data_ptr<float>()), *object, rgb.size());
    cv::resize(cv::Mat(size_, size_, CV_32F, persons.data_ptr<float>()), *people, rgb.size());
  }

  const Material& material_;
  const fs::path output_;
  const ScenePredictor predictor_;
  const torch::Tensor silence_;
  const int size_;
  const int person_;  // 0: the model knows no persons
};

void run(Options& o) {
  if (o.model.empty()) o.model = shipped_model().string();
  if (o.taxonomy.empty())
    o.taxonomy = shipped_data_file("taxonomy.json", "Give one with --taxonomy").string();
  use_single_threaded_operators();
  keep_freed_memory();
  auto network = load_model(o.model);
  if (network->config().head != Head::kMaskAndClasses)
    throw UsageError(
        fmt::format("label: {} tells no classes apart; a model with head = "
                    "\"mask+classes\" is needed",
                    o.model));
  const auto material = Material::load(o.material, Taxonomy::load(o.taxonomy), {});
  std::vector<int> known;
  for (size_t i = 0; i < material.pool().size(); ++i)
    if (material.pool()[i].image_class > 0) known.push_back(int(i));
  if (known.empty())
    throw UsageError(fmt::format(
        "label: {} has no pool (a manifest with trusted_voc and zero_ok) with photographs whose "
        "category is a class of the taxonomy",
        o.material));
  fs::create_directories(o.output);
  const Labeller labeller(o, material, network);
  std::vector<Labelled> labelled(known.size());
  for_each_index(int(known.size()), o.threads,
                 [&](int i) { labelled[size_t(i)] = labeller.label(known[size_t(i)]); });
  std::string manifest =
      "file,class,split,type,mask,licence,mask_source,background,object_fraction\n";
  std::string left_out = "file,reason\n";
  std::map<std::string, std::pair<int, int>> counts;  // by class: labelled, of
  for (size_t i = 0; i < known.size(); ++i) {
    const PoolPhoto& photo = material.pool()[size_t(known[i])];
    manifest += labelled[i].row;
    if (labelled[i].row.empty())
      left_out += fmt::format("{},{}\n", csv_field(photo.id), csv_field(labelled[i].why));
    auto& count = counts[material.taxonomy().class_name(photo.image_class)];
    count.first += !labelled[i].row.empty();
    ++count.second;
  }
  write_atomically(fs::path(o.output) / "left-out.csv", left_out);
  write_atomically(fs::path(o.output) / "manifest.csv", manifest);
  int all = 0;
  for (const auto& [name, count] : counts) {
    fmt::print("{:14} {:4} of {:4}\n", name, count.first, count.second);
    all += count.first;
  }
  fmt::print("{}: masks of {} of {} photographs\n", o.output, all, known.size());
}

}  // namespace

void add_label(CLI::App& app) {
  auto* command =
      app.add_subcommand("label", "Outline the objects of photographs whose class is known");
  auto o = std::make_shared<Options>();
  command->add_option("--model", o->model, "Model file (safetensors); default: the one that ships");
  command->add_option("--material", o->material, "Folder of the material")->required();
  command->add_option("--taxonomy", o->taxonomy, "Class list (JSON); default: the one that ships");
  command->add_option("--size", o->size, "Side of the pictures; default: the model's")
      ->check(CLI::Range(32, 2048));
  command->add_option("--threads", o->threads, "Photographs at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      ->add_option(
          "--output", o->output,
          "Folder to write: manifest.csv, masks, and left-out.csv with what got none and why")
      ->required();
  command->footer(
      "For the photographs of a visual pool whose category is one class. The folder is one more "
      "part of the material: put it beside the others.");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
