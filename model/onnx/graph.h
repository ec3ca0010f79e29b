// SPDX-License-Identifier: LGPL-2.1-or-later
// An ONNX model as it grows: nodes, constants, inputs and outputs (onnx/onnx, onnx/onnx.proto and
// docs/Operators.md). Knows nothing of networks; plain bytes come out.
//
// Values are named by strings and every name is given once (SSA). Nodes must be added in the order
// in which they can run. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/onnx/protobuf_writer.h"

namespace lightavseg::onnx {

// A graph that no ONNX file can hold: a name that is given twice or used before it is there,
// values that do not fit their shape, or more than the 2 GiB of a protobuf message.
class GraphError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Shape = std::vector<std::int64_t>;
using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>>;
using Attributes = std::map<std::string, Attribute>;

class Graph {
 public:
  // Version of the operators that nodes mean.
  static constexpr int kOpset = 13;

  explicit Graph(std::string name) : name_(std::move(name)) {}

  // float32 tensors from and to the caller.
  void input(const std::string& name, const Shape& shape);
  void output(const std::string& name, const Shape& shape);

  // Constants; return their name. values: as many as the shape says, row-major. Throw GraphError.
  std::string constant(const std::string& name, const Shape& shape, const float* values,
                       size_t count);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& values);
  // A scalar; asked for again, the same constant.
  std::string scalar(float value);

  // Whether a value of that name is there.
  bool has(const std::string& name) const { return defined_.count(name) > 0; }

  // Adds a node with one output and returns the output's name, which is also that of the node.
  // An empty input is one that is left out. Throws GraphError.
  std::string node(const std::string& op, const std::string& output,
                   const std::vector<std::string>& inputs, const Attributes& attributes = {});

  // The file. metadata: strings for readers (ModelProto.metadata_props). Throws GraphError when an
  // output has no node, or the file would be too large.
  std::string serialize(const std::map<std::string, std::string>& metadata) const;

 private:
  void define(const std::string& name);
  void tensor(const std::string& name, const Shape& shape, int type, std::string_view bytes);

  std::string name_;
  std::set<std::string> defined_;
  std::vector<std::string> outputs_;
  // Fields of GraphProto, which are written by kind.
  ProtobufWriter nodes_, constants_, input_infos_, output_infos_;
};

}  // namespace lightavseg::onnx
