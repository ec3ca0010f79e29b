// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace lightavseg::tool {
namespace {

constexpr int kNotFound = 127;  // as shells say it

int open_nothing() {
  return ::open("/dev/null", O_RDWR | O_CLOEXEC);
}

std::string read_all(int descriptor) {
  std::string text;
  char block[4096];
  off_t at = 0;
  for (ssize_t got; (got = ::pread(descriptor, block, sizeof block, at)) > 0; at += got)
    text.append(block, static_cast<std::size_t>(got));
  return text;
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void close_if_open(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, Input input) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  start(argv[0], input, [&argv] {
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(argv[0], argv.data());
    ::_exit(kNotFound);
  });
}

ChildProcess::ChildProcess(const std::function<int()>& work) {
  // What waits in a buffer would be written by both.
  std::fflush(nullptr);
  start("a copy of this process", Input::kNothing, [&work] {
    const int code = work();
    std::fflush(nullptr);
    // What is still there belongs to the other one.
    ::_exit(code);
  });
}

void ChildProcess::start(const char* name, Input input, const std::function<void()>& in_child) {
  // Files without a name: unlike pipes they never make the program wait for a reader.
  out_ = ::memfd_create("stdout", MFD_CLOEXEC);
  err_ = ::memfd_create("stderr", MFD_CLOEXEC);
  int ends[2] = {-1, -1};
  if (input == Input::kPipe) {
    if (::pipe2(ends, O_CLOEXEC) != 0) ends[0] = -1;
  } else {
    ends[0] = open_nothing();
  }
  const pid_t parent = ::getpid();
  id_ = out_ < 0 || err_ < 0 || ends[0] < 0 ? -1 : ::fork();
  if (id_ == 0) {
    // Up to exec only what may be called after a fork in a program with threads.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kNotFound);
    if (::dup2(ends[0], 0) < 0 || ::dup2(out_, 1) < 0 || ::dup2(err_, 2) < 0) ::_exit(kNotFound);
    in_child();
  }
  const int code = errno;
  close_if_open(ends[0]);
  input_ = ends[1];
  if (id_ < 0) {
    close_if_open(input_);
    close_if_open(out_);
    close_if_open(err_);
    throw std::runtime_error(
        fmt::format("{} cannot be started: {}", name, std::generic_category().message(code)));
  }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      input_(std::exchange(other.input_, -1)),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      code_(std::exchange(other.code_, std::nullopt)) {
}

ChildProcess::~ChildProcess() {
  close_input();
  if (id_ > 0 && !code_) {
    send(SIGKILL);
    wait();
  }
  close_if_open(out_);
  close_if_open(err_);
}

void ChildProcess::close_input() {
  close_if_open(input_);
}

std::optional<int> ChildProcess::ended() {
  int status = 0;
  if (!code_ && ::waitpid(id_, &status, WNOHANG) == id_) code_ = code_of(status);
  return code_;
}

int ChildProcess::wait() {
  int status = 0;
  while (!code_) {
    const pid_t ended = ::waitpid(id_, &status, 0);
    if (ended == id_) code_ = code_of(status);
    if (ended < 0 && errno != EINTR) code_ = kNotFound;
  }
  return *code_;
}

void ChildProcess::send(int signal) const {
  if (id_ > 0 && !code_) ::kill(id_, signal);
}

std::string ChildProcess::printed() const {
  return read_all(out_);
}

std::string ChildProcess::complained() const {
  return read_all(err_);
}

bool has_one_thread() {
  std::error_code ignored;
  const std::filesystem::directory_iterator threads("/proc/self/task", ignored);
  return std::distance(begin(threads), end(threads)) == 1;
}

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access(fmt::format("{}/{}", folder, name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace lightavseg::tool
