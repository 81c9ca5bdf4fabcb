#include "server/sql_worker_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "server/sql_frames.h"
#include "server/sql_worker.h"

namespace server {
namespace {

// The process with its end of the socket as kSqlWorkerSocket, no other descriptor, in a group of
// its own.
base::Result<pid_t> spawn(std::string program, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, kSqlWorkerSocket);
  posix_spawn_file_actions_addclosefrom_np(&actions, kSqlWorkerSocket + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string argument = "sql-worker";
  std::string zone = "TZ=UTC";
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  char* const environment[] = {zone.data(), nullptr};
  pid_t process = -1;
  const int failed =
      ::posix_spawn(&process, program.c_str(), &actions, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed == 0) return process;
  return base::fail(base::Code::kUnavailable, "cannot start a SQL worker from {}: {}", program,
                    std::generic_category().message(failed));
}

}  // namespace

bool WorkerProcess::died() const {
  siginfo_t died{};
  return process >= 0 &&
         ::waitid(P_PID, static_cast<id_t>(process), &died, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         died.si_pid != 0;
}

std::uint64_t WorkerProcess::resident_bytes() const {
  std::ifstream file(fmt::format("/proc/{}/statm", process));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

bool WorkerProcess::set_nice(int nice) const {
  return ::setpriority(PRIO_PGRP, static_cast<id_t>(process), nice) == 0;
}

void WorkerProcess::signal(int number) const {
  if (process >= 0) ::kill(process, number);
}

void WorkerProcess::end() {
  if (process < 0) return;
  ::kill(process, SIGKILL);
  ::close(socket);
  while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
  }
  process = socket = -1;
}

base::Result<WorkerProcess> start_worker_process(const std::string& program, const base::Path& lake,
                                                 const base::Path& spill, const Workload& workload,
                                                 const base::Path& writes) {
  TRY(base::posix_file_system().create_directories(spill));
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return base::fail(base::Code::kUnavailable, "cannot make a socket for a SQL worker: {}",
                      std::generic_category().message(errno));
  }
  const auto process = spawn(program, sockets[1]);
  ::close(sockets[1]);
  if (!process) {
    ::close(sockets[0]);
    return std::unexpected(process.error());
  }
  WorkerProcess worker{*process, sockets[0]};
  worker.set_nice(workload.nice());
  const auto set_up = [&]() -> base::Result<> {
    TRY(send_frame(worker.socket, FrameWriter(FrameKind::kSetUp)
                                      .text(lake.string())
                                      .text(spill.string())
                                      .text(workload.memory)
                                      .u32(static_cast<std::uint32_t>(workload.threads))
                                      .text(writes.string())
                                      .bytes()));
    TRY(receive_frame(worker.socket));
    return {};
  };
  if (auto ready = set_up(); !ready) {
    worker.end();
    return std::unexpected(std::move(ready).error().in("starting a SQL worker"));
  }
  return worker;
}

}  // namespace server
