#include "server/sql_sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace server {
namespace {

// What a process that is shut in finds, as its exit status: 0, or the number of what went wrong.
int try_out(const Sandbox& sandbox, const base::Path& outside) {
  if (!enter_sandbox(sandbox)) return 1;
  if (::open((sandbox.lake / "file").c_str(), O_RDONLY) < 0) return 2;
  if (::open((sandbox.lake / "file").c_str(), O_WRONLY) >= 0 || errno != EACCES) return 3;
  if (::open((sandbox.lake / "new").c_str(), O_CREAT | O_WRONLY, 0600) >= 0) return 4;
  if (::open((sandbox.spill / "new").c_str(), O_CREAT | O_WRONLY, 0600) < 0) return 5;
  if (::open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES) return 6;
  if (::open((outside / "file").c_str(), O_RDONLY) >= 0) return 7;
  if (::rename((sandbox.spill / "new").c_str(), (outside / "new").c_str()) == 0) return 8;
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
      errno != EACCES)
    return 9;
  return 0;
}

TEST(SqlSandbox, LeavesAProcessTheLakeAndTheFolderToSpillIntoAndNothingElse) {
  const base::Path root = std::filesystem::temp_directory_path() /
                          ("sql_sandbox_test." + std::to_string(::getpid()));
  for (const char* const name : {"lake", "spill", "outside"}) {
    std::filesystem::create_directories(root / name);
    std::ofstream(root / name / "file") << "x";
  }
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(try_out({.lake = root / "lake", .spill = root / "spill"}, root / "outside"));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the number of the try in try_out() that went wrong";
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace server
