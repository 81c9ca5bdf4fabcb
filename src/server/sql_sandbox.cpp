#include "server/sql_sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace server {
namespace {

// Rights that came after the first version of the interface (linux/landlock.h of older systems does
// not name them).
constexpr std::uint64_t kRefer = 1ULL << 13;     // version 2
constexpr std::uint64_t kTruncate = 1ULL << 14;  // version 3
constexpr std::uint64_t kIoctlDev = 1ULL << 15;  // version 5
constexpr std::uint64_t kNetBind = 1ULL << 0;    // version 4
constexpr std::uint64_t kNetConnect = 1ULL << 1;

struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
};

constexpr std::uint64_t kFirstRights = (1ULL << 13) - 1;
// What DuckDB looks at to learn how much memory there is.
constexpr const char* kFacts[] = {"/proc/self/cgroup", "/proc/meminfo", "/sys/fs/cgroup"};
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

base::Error failed(const char* what) {
  return {.code = base::Code::kUnsupported,
          .message = fmt::format("{}: {}", what, std::generic_category().message(errno))};
}

base::Result<> allow(int ruleset, const base::Path& path, std::uint64_t rights) {
  const int folder = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (folder < 0) return std::unexpected(failed(path.c_str()));
  landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = folder};
  const long added =
      ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  ::close(folder);
  if (added != 0) return std::unexpected(failed("landlock_add_rule"));
  return {};
}

void limit(int what, std::uint64_t most) {
  const rlimit bound{.rlim_cur = most, .rlim_max = most};
  static_cast<void>(::setrlimit(static_cast<__rlimit_resource>(what), &bound));
}

}  // namespace

base::Result<> enter_sandbox(const Sandbox& sandbox) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, sandbox.open_files_max);
  limit(RLIMIT_FSIZE, sandbox.file_bytes_max);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(failed("PR_SET_NO_NEW_PRIVS"));
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return std::unexpected(failed("this kernel has no Landlock"));
  RulesetAttributes attributes{.handled_access_fs = kFirstRights, .handled_access_net = 0};
  if (version >= 2) attributes.handled_access_fs |= kRefer;
  if (version >= 3) attributes.handled_access_fs |= kTruncate;
  if (version >= 4) attributes.handled_access_net = kNetBind | kNetConnect;
  if (version >= 5) attributes.handled_access_fs |= kIoctlDev;
  const std::size_t size = version >= 4 ? sizeof attributes : sizeof(std::uint64_t);
  const int ruleset =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return std::unexpected(failed("landlock_create_ruleset"));
  for (const char* const path : kFacts) {
    // One that is not there need not be allowed.
    static_cast<void>(allow(ruleset, path, LANDLOCK_ACCESS_FS_READ_FILE));
  }
  auto allowed = allow(ruleset, sandbox.lake, kRead);
  const std::uint64_t change =
      attributes.handled_access_fs &
      ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM) &
      ~kIoctlDev;
  if (allowed) allowed = allow(ruleset, sandbox.spill, change);
  if (allowed && !sandbox.writes.empty()) allowed = allow(ruleset, sandbox.writes, change);
  if (allowed && ::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
    allowed = std::unexpected(failed("landlock_restrict_self"));
  ::close(ruleset);
  return allowed;
}

}  // namespace server
