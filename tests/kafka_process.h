// A Kafka broker of this build (tests/kafka_server) as a process of its own, on a fresh folder.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/uuid.h"
#include "log/kafka_url.h"

namespace tests {

class KafkaProcess {
 public:
  KafkaProcess() : folder_(std::filesystem::temp_directory_path() / ("kafka-" + base::new_uuid())) {
    const auto program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kafka_server";
    std::array<int, 2> out{};
    if (::pipe(out.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::close(out[0]);
      ::execl(program.c_str(), program.c_str(), folder_.c_str(), "--log-level", "error",
              "--durability", "os", nullptr);
      ::_exit(127);
    }
    ::close(out[1]);
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    if (!line.starts_with("listening "))
      throw std::runtime_error(program.string() + " did not start: " + line);
    address_ = line.substr(10);
  }
  KafkaProcess(const KafkaProcess&) = delete;
  KafkaProcess& operator=(const KafkaProcess&) = delete;
  ~KafkaProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  eventlog::KafkaUrl url() const { return {.brokers = address_}; }

 private:
  std::filesystem::path folder_;
  std::string address_;
  pid_t pid_ = -1;
};

}  // namespace tests
