// SPDX-License-Identifier: LGPL-2.1-or-later
// Other processes, run beside this one.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lightavseg::tool {

// A running process. It gets SIGKILL when the thread that started it ends, however that comes
// about, so that nothing goes on behind the back of a user who killed us. One object belongs to one
// thread.
class ChildProcess {
 public:
  enum class Input { kNothing, kPipe };

  // A program, which is looked for in PATH. Throws std::runtime_error naming it.
  ChildProcess(const std::vector<std::string>& arguments, Input input);
  // A copy of this process, which does `work` and exits with what it returns: no library is loaded
  // anew, which takes LibTorch most of a second. Threads are not copied, nor what they hold: only
  // where has_one_thread(). Throws std::runtime_error.
  explicit ChildProcess(const std::function<int()>& work);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }
  // Where to write what it reads (kPipe), until close_input().
  int input() const { return input_; }
  void close_input();

  // The exit code, or 128 + the signal that ended it; nothing while it runs.
  std::optional<int> ended();
  int wait();
  void send(int signal) const;

  // What it has printed so far.
  std::string printed() const;
  std::string complained() const;

 private:
  // in_child: does not return.
  void start(const char* name, Input input, const std::function<void()>& in_child);

  pid_t id_ = -1;
  int input_ = -1, out_ = -1, err_ = -1;
  std::optional<int> code_;
};

// Whether this process has no thread but the one that asks.
bool has_one_thread();

// Whether PATH has a program of that name.
bool has_program(const std::string& name);

}  // namespace lightavseg::tool
