// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/onnx/graph.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>

namespace lightavseg::onnx {
namespace {

// Numbers of fields and of enumerations in onnx/onnx.proto.
namespace model_field {
enum { kIrVersion = 1, kProducer = 2, kGraph = 7, kOpsets = 8, kMeta = 14 };
}
namespace graph_field {
enum { kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12 };
}
namespace node_field {
enum { kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5 };
}
namespace attribute_field {
enum { kName = 1, kFloat = 2, kInt = 3, kString = 4, kInts = 8, kType = 20 };
}
namespace attribute_type {
enum { kFloat = 1, kInt = 2, kString = 3, kInts = 7 };
}
namespace tensor_field {
enum { kDims = 1, kType = 2, kName = 8, kRaw = 9 };
}
enum TensorType { kFloat32 = 1, kInt64 = 7 };

constexpr int kIrVersion = 7;  // of ONNX 1.8, the first with operator set 13

ProtobufWriter to_message(const std::string& name, const Attribute& value) {
  ProtobufWriter out;
  out.bytes(attribute_field::kName, name);
  if (const auto* i = std::get_if<std::int64_t>(&value)) {
    out.integer(attribute_field::kInt, *i);
    out.integer(attribute_field::kType, attribute_type::kInt);
  } else if (const auto* f = std::get_if<float>(&value)) {
    out.real(attribute_field::kFloat, *f);
    out.integer(attribute_field::kType, attribute_type::kFloat);
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    out.bytes(attribute_field::kString, *s);
    out.integer(attribute_field::kType, attribute_type::kString);
  } else {
    for (auto v : std::get<std::vector<std::int64_t>>(value))
      out.integer(attribute_field::kInts, v);
    out.integer(attribute_field::kType, attribute_type::kInts);
  }
  return out;
}

// ValueInfoProto { name = 1, type = 2 { tensor_type = 1 { elem_type = 1, shape = 2 { dim = 1 {
// dim_value = 1 } } } } }
ProtobufWriter value_info(const std::string& name, const Shape& shape) {
  ProtobufWriter dims;
  for (auto d : shape) {
    ProtobufWriter dim;
    dim.integer(1, d);
    dims.message(1, dim);
  }
  ProtobufWriter tensor;
  tensor.integer(1, kFloat32);
  tensor.message(2, dims);
  ProtobufWriter type;
  type.message(1, tensor);
  ProtobufWriter out;
  out.bytes(1, name);
  out.message(2, type);
  return out;
}

// Little-endian bytes of numbers.
template <class T, class Bits>
std::string to_bytes(const T* values, size_t count) {
  static_assert(sizeof(T) == sizeof(Bits));
  std::string bytes(count * sizeof(T), '\0');
  for (size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, values + i, sizeof bits);
    for (size_t b = 0; b < sizeof bits; ++b) bytes[i * sizeof bits + b] = char(bits >> (8 * b));
  }
  return bytes;
}

}  // namespace

void Graph::define(const std::string& name) {
  if (name.empty()) throw GraphError(fmt::format("graph '{}': a value without a name", name_));
  if (!defined_.insert(name).second)
    throw GraphError(fmt::format(
        "graph '{}': value '{}' is given twice; each needs a name of its own", name_, name));
}

void Graph::input(const std::string& name, const Shape& shape) {
  define(name);
  input_infos_.message(graph_field::kInput, value_info(name, shape));
}

void Graph::output(const std::string& name, const Shape& shape) {
  outputs_.push_back(name);
  output_infos_.message(graph_field::kOutput, value_info(name, shape));
}

void Graph::tensor(const std::string& name, const Shape& shape, int type, std::string_view bytes) {
  define(name);
  ProtobufWriter out;
  for (auto d : shape) out.integer(tensor_field::kDims, d);
  out.integer(tensor_field::kType, type);
  out.bytes(tensor_field::kName, name);
  out.bytes(tensor_field::kRaw, bytes);
  constants_.message(graph_field::kInitializer, out);
}

std::string Graph::constant(const std::string& name, const Shape& shape, const float* values,
                            size_t count) {
  std::int64_t wanted = 1;
  for (auto d : shape) wanted *= d;
  if (wanted != std::int64_t(count))
    throw GraphError(fmt::format("graph '{}': constant '{}' has {} values, its shape says {}",
                                 name_, name, count, wanted));
  tensor(name, shape, kFloat32, to_bytes<float, std::uint32_t>(values, count));
  return name;
}

std::string Graph::constant(const std::string& name, const std::vector<std::int64_t>& values) {
  tensor(name, {std::int64_t(values.size())}, kInt64,
         to_bytes<std::int64_t, std::uint64_t>(values.data(), values.size()));
  return name;
}

std::string Graph::scalar(float value) {
  const auto name = fmt::format("scalar.{}", value);
  return defined_.count(name) ? name : constant(name, {}, &value, 1);
}

std::string Graph::node(const std::string& op, const std::string& output,
                        const std::vector<std::string>& inputs, const Attributes& attributes) {
  ProtobufWriter out;
  for (const auto& input : inputs) {
    if (!input.empty() && !defined_.count(input))
      throw GraphError(fmt::format("graph '{}': node '{}' ({}) reads '{}', which is not there yet",
                                   name_, output, op, input));
    out.bytes(node_field::kInput, input);
  }
  define(output);
  out.bytes(node_field::kOutput, output);
  out.bytes(node_field::kName, output);
  out.bytes(node_field::kOp, op);
  for (const auto& [name, value] : attributes)
    out.message(node_field::kAttribute, to_message(name, value));
  nodes_.message(graph_field::kNode, out);
  return output;
}

std::string Graph::serialize(const std::map<std::string, std::string>& metadata) const {
  for (const auto& name : outputs_)
    if (!defined_.count(name))
      throw GraphError(fmt::format("graph '{}': no node makes the output '{}'", name_, name));
  std::string graph = nodes_.data();
  ProtobufWriter name;
  name.bytes(graph_field::kName, name_);
  graph += name.data();
  for (const auto* part : {&constants_, &input_infos_, &output_infos_}) graph += part->data();

  ProtobufWriter opset;  // OperatorSetIdProto { domain = 1, version = 2 }
  opset.bytes(1, "");
  opset.integer(2, kOpset);
  ProtobufWriter out;
  out.integer(model_field::kIrVersion, kIrVersion);
  out.bytes(model_field::kProducer, "lightavseg");
  out.message(model_field::kOpsets, opset);
  for (const auto& [key, value] : metadata) {
    ProtobufWriter entry;  // StringStringEntryProto { key = 1, value = 2 }
    entry.bytes(1, key);
    entry.bytes(2, value);
    out.message(model_field::kMeta, entry);
  }
  out.bytes(model_field::kGraph, graph);
  if (out.data().size() > size_t(std::numeric_limits<std::int32_t>::max()))
    throw GraphError(fmt::format("graph '{}': {} bytes, a protobuf message holds at most 2 GiB",
                                 name_, out.data().size()));
  return out.take();
}

}  // namespace lightavseg::onnx
