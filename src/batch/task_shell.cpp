#include "batch/task_shell.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>

extern char** environ;

namespace batch {
namespace {

constexpr const char* kMark = "WAYBILL_TASKS_OF";
constexpr int kLookMs = 50;
constexpr auto kGrace = std::chrono::seconds(5);  // between SIGTERM and SIGKILL
constexpr int kReadsMax = 16;                     // of the pipe between two looks at the process
constexpr std::size_t kEnvironmentMax = 4UL << 20;

TaskOutcome failed(std::string message) {
  return {.kind = TaskOutcome::Kind::kFailed, .message = std::move(message)};
}

std::vector<std::string> environment_of(const ShellCommand& command) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!command.environment.contains(name) && name != kMark) all.push_back(text);
  }
  for (const auto& [name, value] : command.environment) all.push_back(name + "=" + value);
  all.push_back(std::string(kMark) + "=" + command.mark);
  return all;
}

// Attributes and file actions that are freed with their scope.
struct Spawn {
  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t actions{};
  Spawn() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  ~Spawn() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
};

// The process, whose output goes to `output`; or an errno.
std::expected<pid_t, int> spawn(const ShellCommand& command, int output) {
  Spawn s;
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&s.attributes, &none);
  posix_spawnattr_setsigdefault(&s.attributes, &defaults);
  posix_spawnattr_setpgroup(&s.attributes, 0);
  posix_spawnattr_setflags(&s.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_addopen(&s.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&s.actions, output, 1);
  posix_spawn_file_actions_adddup2(&s.actions, output, 2);
  if (!command.folder.empty())
    posix_spawn_file_actions_addchdir_np(&s.actions, command.folder.c_str());
  std::vector<std::string> environment = environment_of(command);
  std::vector<char*> env;
  for (std::string& entry : environment) env.push_back(entry.data());
  env.push_back(nullptr);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command.command;
  std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, "/bin/sh", &s.actions, &s.attributes, arguments.data(), env.data());
  if (error != 0) return std::unexpected(error);
  return pid;
}

// What the pipe has now, or some of it when there is much: the caller looks after the process in
// between. False at its end.
bool drain(int pipe, TaskLog& log) {
  std::array<char, 65536> buffer;
  for (int reads = 0; reads < kReadsMax; ++reads) {
    const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    log.write({buffer.data(), static_cast<std::size_t>(got)});
  }
  return true;
}

// Follows the process to its end; ends its group when asked to stop. The status of waitpid.
int follow(pid_t pid, int pipe, TaskLog& log, std::stop_token stop) {
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  std::optional<std::chrono::steady_clock::time_point> asked;
  bool open = true;
  int status = 0;
  while (true) {
    std::array<pollfd, 2> waits{pollfd{process, POLLIN, 0}, pollfd{open ? pipe : -1, POLLIN, 0}};
    static_cast<void>(::poll(waits.data(), waits.size(), kLookMs));
    if (open) open = drain(pipe, log);
    if (::waitpid(pid, &status, WNOHANG) == pid) break;
    if (!stop.stop_requested()) continue;
    const auto now = std::chrono::steady_clock::now();
    if (!asked) {
      asked = now;
      ::kill(-pid, SIGTERM);
    } else if (now - *asked > kGrace) {
      ::kill(-pid, SIGKILL);
    }
  }
  if (open) drain(pipe, log);
  ::kill(-pid, SIGKILL);  // what the command left running in its group
  if (process >= 0) ::close(process);
  return status;
}

bool has_mark(const base::Path& environ_file, const std::string& entry) {
  std::ifstream in(environ_file, std::ios::binary);
  std::string text(kEnvironmentMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  text.insert(text.begin(), '\0');
  text.push_back('\0');
  return text.find(std::string(1, '\0') + entry + std::string(1, '\0')) != std::string::npos;
}

}  // namespace

TaskOutcome run_shell(const ShellCommand& command, TaskLog& log, std::stop_token stop) {
  if (!command.folder.empty() && !std::filesystem::is_directory(command.folder)) {
    TaskOutcome outcome = failed(fmt::format("there is no folder {}", command.folder.string()));
    outcome.final = true;
    return outcome;
  }
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    return failed(fmt::format("no pipe for the command: {}", std::strerror(errno)));
  ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  const auto pid = spawn(command, pipe[1]);
  ::close(pipe[1]);
  if (!pid) {
    ::close(pipe[0]);
    return failed(fmt::format("the command cannot be started: {}", std::strerror(pid.error())));
  }
  const int status = follow(*pid, pipe[0], log, stop);
  ::close(pipe[0]);
  if (stop.stop_requested()) return {.kind = TaskOutcome::Kind::kCancelled};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {.message = log.last_line()};
  const std::string how = WIFEXITED(status)
                              ? fmt::format("the command ended with status {}", WEXITSTATUS(status))
                              : fmt::format("the command was ended by signal {}", WTERMSIG(status));
  return failed(log.last_line().empty() ? how : fmt::format("{}: {}", how, log.last_line()));
}

int end_orphans(const std::string& mark) {
  const std::string entry = std::string(kMark) + "=" + mark;
  int ended = 0;
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = process.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const pid_t pid = static_cast<pid_t>(std::stol(name));
    if (pid == ::getpid() || !has_mark(process.path() / "environ", entry)) continue;
    if (::kill(pid, SIGKILL) == 0) ++ended;
  }
  return ended;
}

}  // namespace batch
