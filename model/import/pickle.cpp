// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/pickle.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "model/files/file_error.h"
#include "model/files/quoted_text.h"
#include "model/files/safetensors_header.h"
#include "model/files/tensor_view.h"
#include "model/import/pickle_globals.h"

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
  Reader(const std::filesystem::path& path, const std::string& part, std::string_view data)
      : path_(path), part_(part), data_(data) {}

  Pickle read() {
    while (step()) {
    }
    pickle_.root = pop();
    pickle_.bytes = at_;
    return std::move(pickle_);
  }

 private:
  using Items = std::vector<uint32_t>;

  [[noreturn]] void fail(const std::string& problem) const {
    throw FileError(path_, fmt::format("{} at byte {}", part_, start_), problem);
  }

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

  uint32_t make(PickleValue value) {
    if (pickle_.values.size() >= kMostPickleValues)
      fail(fmt::format("more than {} values; a checkpoint has a few thousand", kMostPickleValues));
    pickle_.values.push_back(std::move(value));
    return uint32_t(pickle_.values.size() - 1);
  }

  void push(uint32_t index) {
    if (stack_.size() >= kMostPickleValues)
      fail(fmt::format("more than {} values on the stack", kMostPickleValues));
    stack_.push_back(index);
  }
  void push(Kind kind, int64_t number = 0) { push(make({kind, number, {}, {}})); }
  void push_text(std::string_view text, Kind kind = Kind::kText) {
    push(make({kind, 0, std::string(text), {}}));
  }
  void push_items(Kind kind, Items items) {
    count_items(items.size());
    push(make({kind, 0, {}, std::move(items)}));
  }
  // A few bytes can ask for one long list again and again.
  void count_items(size_t more) {
    items_ += more;
    if (items_ > kMostPickleItems)
      fail(fmt::format("lists and dictionaries of more than {} items", kMostPickleItems));
  }

  // A mark hides what lies below it, as in Python.
  void expect(size_t count) const {
    const size_t bottom = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - bottom < count) fail("the stack holds too few values; the file is damaged");
  }
  uint32_t pop() {
    expect(1);
    const uint32_t index = stack_.back();
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
  PickleValue& value(uint32_t index) { return pickle_.values[index]; }
  PickleValue& top() {
    expect(1);
    return value(stack_.back());
  }

  void memoize(uint64_t key) {
    expect(1);
    memo_[key] = stack_.back();
  }
  void recall(uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end())
      fail(fmt::format("nothing is remembered as number {}; the file is damaged", key));
    push(found->second);
  }

  void append(const Items& items) {
    auto& list = top();
    if (list.kind == Kind::kSkipped) return;
    if (list.kind != Kind::kList) fail("items are added to something that is no list");
    count_items(items.size());
    list.items.insert(list.items.end(), items.begin(), items.end());
  }
  void set_items(const Items& items) {
    if (items.size() % 2 != 0) fail("a key of a dictionary has no value; the file is damaged");
    auto& dict = top();
    if (dict.kind == Kind::kSkipped) return;
    if (dict.kind != Kind::kDict) fail("keys are set in something that is no dictionary");
    count_items(items.size());
    dict.items.insert(dict.items.end(), items.begin(), items.end());
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

  void push_global(const std::string& name) {
    if (!pickle_global(name))
      fail(
          fmt::format("it asks for the Python object {}, which is no tensor. Nothing of it was "
                      "run. If you trust the file, load it in Python and save only its weights: "
                      "torch.save(model.state_dict(), ...)",
                      quoted_text(name)));
    push_text(name, Kind::kGlobal);
  }

  uint64_t count_of(uint32_t index, const char* what, uint64_t most) {
    const auto& v = value(index);
    if (v.kind != Kind::kNumber || v.number < 0 || uint64_t(v.number) > most)
      fail(fmt::format("the {} of a tensor must be an integer within 0..{}", what, most));
    return uint64_t(v.number);
  }

  std::vector<int64_t> counts_of(uint32_t index, const char* what) {
    const auto& v = value(index);
    if (v.kind != Kind::kTuple && v.kind != Kind::kList)
      fail(fmt::format("the {} of a tensor must be a tuple of integers", what));
    if (v.items.size() > kMostTensorAxes)
      fail(fmt::format("a tensor has {} axes; at most {} are possible", v.items.size(),
                       kMostTensorAxes));
    std::vector<int64_t> counts;
    for (const auto item : v.items)
      counts.push_back(int64_t(count_of(item, what, kMostStorageElements)));
    return counts;
  }

  // ("storage", class, key, place, elements[, None or (key of the view, first, length)])
  void push_storage(const PickleValue& id) {
    if (id.kind == Kind::kTuple && !id.items.empty() && value(id.items[0]).text == "module")
      fail(
          "the file holds a whole Python model, not weights. In Python, save its weights: "
          "torch.save(model.state_dict(), ...)");
    if (id.kind != Kind::kTuple || id.items.size() < 5 || id.items.size() > 6 ||
        value(id.items[0]).text != "storage" || value(id.items[2]).kind != Kind::kText ||
        value(id.items[2]).text.size() > kLongestStorageKey)
      fail("the values of a tensor are named in a way that PyTorch does not write");
    const auto dtype = storage_dtype(value(id.items[1]).text);
    if (!dtype || value(id.items[1]).kind != Kind::kGlobal)
      fail("the type of a tensor's values must be one of torch.FloatStorage and its kin");
    PickledStorage storage{value(id.items[2]).text, *dtype, 0, 0, 0};
    storage.count = storage.length = count_of(id.items[4], "storage size", kMostStorageElements);
    if (id.items.size() == 6 && value(id.items[5]).kind != Kind::kNone) {
      const auto& view = value(id.items[5]);
      if (view.kind != Kind::kTuple || view.items.size() != 3)
        fail("a view of a storage must be a tuple of key, offset and length");
      storage.first = count_of(view.items[1], "view", storage.count);
      storage.length = count_of(view.items[2], "view", storage.count - storage.first);
    }
    pickle_.storages.push_back(std::move(storage));
    push(Kind::kStorage, int64_t(pickle_.storages.size() - 1));
  }

  // (storage, offset, shape, strides, ...)
  void push_tensor(const Items& arguments) {
    if (arguments.size() < 4 || value(arguments[0]).kind != Kind::kStorage)
      fail("a tensor must be made of a storage, an offset, a shape and strides");
    PickledTensor tensor;
    tensor.storage = size_t(value(arguments[0]).number);
    const auto& storage = pickle_.storages[tensor.storage];
    tensor.offset = count_of(arguments[1], "offset", storage.length);
    tensor.shape = counts_of(arguments[2], "shape");
    tensor.strides = counts_of(arguments[3], "strides");
    if (tensor.shape.size() != tensor.strides.size())
      fail(fmt::format("a tensor of shape {} has {} strides", shape_text(tensor.shape),
                       tensor.strides.size()));
    const auto bytes = tensor_bytes(storage.dtype, tensor.shape);
    if (!bytes || *bytes > kMostTensorBytes)
      fail(fmt::format("a tensor of shape {} is larger than {} bytes", shape_text(tensor.shape),
                       kMostTensorBytes));
    if (*bytes > 0 && !lies_within(tensor, storage.length))
      fail(fmt::format(
          "a tensor of shape {} and strides {} from element {} reaches beyond the {} "
          "elements of its storage",
          shape_text(tensor.shape), shape_text(tensor.strides), tensor.offset, storage.length));
    tensor.offset += storage.first;
    pickle_.tensors.push_back(std::move(tensor));
    push(Kind::kTensor, int64_t(pickle_.tensors.size() - 1));
  }

  static bool lies_within(const PickledTensor& tensor, uint64_t length) {
    uint64_t last = tensor.offset;
    if (last >= length) return false;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      const uint64_t steps = uint64_t(tensor.shape[i]) - 1;
      const uint64_t stride = uint64_t(tensor.strides[i]);
      if (steps == 0 || stride == 0) continue;
      // Without a product that could overflow.
      if (stride > (length - 1 - last) / steps) return false;
      last += steps * stride;
    }
    return true;
  }

  void push_ordered_dict(const Items& arguments) {
    Items pairs;
    if (!arguments.empty()) {
      const auto& list = value(arguments[0]);  // Python 2 writes a list of pairs
      count_items(list.items.size());
      for (const auto item : list.items) {
        const auto& pair = value(item).items;
        if (pair.size() != 2) fail("an OrderedDict must be made of pairs");
        pairs.insert(pairs.end(), pair.begin(), pair.end());
      }
    }
    push_items(Kind::kDict, std::move(pairs));
  }

  // Making a value may move the others, so it comes last here and in what is called.
  void call(const Items& arguments, const PickleValue& function) {
    if (function.kind == Kind::kSkipped) return push(Kind::kSkipped);
    if (function.kind != Kind::kGlobal) fail("something is called that is no function");
    switch (*pickle_global(function.text)) {
      case PickleGlobal::kOrderedDict:
        return push_ordered_dict(arguments);
      case PickleGlobal::kRebuildTensor:
        return push_tensor(arguments);
      case PickleGlobal::kRebuildParameter:
        if (arguments.empty() || value(arguments[0]).kind != Kind::kTensor)
          fail("a parameter must be made of a tensor");
        return push(arguments[0]);
      case PickleGlobal::kStorage:
        fail("a storage without a key; only those that torch.save() writes can be read");
      case PickleGlobal::kSkipped:
        return push(Kind::kSkipped);
    }
  }

  void reduce() {
    const uint32_t arguments = pop();
    const uint32_t function = pop();
    if (value(arguments).kind != Kind::kTuple) fail("the arguments of a call must be a tuple");
    call(value(arguments).items, value(function));
  }

  bool step();
  bool containers(unsigned char opcode);

  const std::filesystem::path& path_;
  const std::string& part_;
  std::string_view data_;
  size_t at_ = 0, start_ = 0, items_ = 0;
  Pickle pickle_;
  Items stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, uint32_t> memo_;
};

// Instructions that take values from the stack. Whether it was one.
bool Reader::containers(unsigned char opcode) {
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
      expect(1);
      push(stack_.back());
      return true;
    case kAppend:
      append(pop_items(1));
      return true;
    case kAppends:
      append(pop_to_mark());
      return true;
    case kSetItem:
      set_items(pop_items(2));
      return true;
    case kSetItems:
      set_items(pop_to_mark());
      return true;
    case kTuple:
      push_items(Kind::kTuple, pop_to_mark());
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push_items(Kind::kTuple, pop_items(size_t(opcode) - kTuple1 + 1));
      return true;
    case kList:
      push_items(Kind::kList, pop_to_mark());
      return true;
    case kDict: {
      const auto items = pop_to_mark();
      push_items(Kind::kDict, {});
      set_items(items);
      return true;
    }
    case kReduce:
    case kNewObj:
      reduce();
      return true;
    case kBuild: {
      pop();  // attributes, such as _metadata of a state_dict()
      const auto kind = top().kind;
      if (kind != Kind::kDict && kind != Kind::kSkipped && kind != Kind::kTensor)
        fail("attributes are set on something that has none");
      return true;
    }
    case kBinPersId:
      push_storage(value(pop()));
      return true;
    case kStackGlobal: {
      const auto names = pop_items(2);
      push_global(value(names[0]).text + "." + value(names[1]).text);
      return true;
    }
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
      push_global(name.append(line()));
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
  return Reader(path, part, data).read();
}

}  // namespace lightavseg
