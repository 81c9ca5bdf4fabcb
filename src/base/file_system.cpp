#include "base/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace base {
namespace {

std::unexpected<Error> system_failure(std::string_view what, const Path& path) {
  const int number = errno;
  const Code code = number == ENOENT   ? Code::kNotFound
                    : number == EEXIST ? Code::kAlreadyExists
                                       : Code::kIo;
  Error error{.code = code,
              .message = fmt::format("{} {}: {}", what, path.string(),
                                     std::generic_category().message(number))};
  if (number == ENOSPC || number == EDQUOT) error.mend = "free space on that disk";
  if (number == EMFILE || number == ENFILE)
    error.mend = "raise the limit of open files (ulimit -n)";
  return std::unexpected(std::move(error));
}

constexpr std::size_t kPiecesMax = 1024;  // that pwritev(2) takes

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, Path path) : descriptor_(descriptor), path_(std::move(path)) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { ::close(descriptor_); }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t n = ::pread(descriptor_, into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_failure("cannot read", path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<> write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    std::size_t done = 0;
    while (done < data.size()) {
      const ssize_t n = ::pwrite(descriptor_, data.data() + done, data.size() - done,
                                 static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_failure("cannot write", path_);
      done += static_cast<std::size_t>(n);
    }
    return {};
  }

  Result<> write_pieces_at(std::uint64_t offset,
                           std::span<const std::span<const std::byte>> pieces) override {
    std::vector<iovec> vectors;
    while (!pieces.empty()) {
      const auto some = pieces.first(std::min<std::size_t>(pieces.size(), kPiecesMax));
      std::size_t bytes = 0;
      vectors.clear();
      for (const auto piece : some) {
        vectors.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
        bytes += piece.size();
      }
      const ssize_t n = ::pwritev(descriptor_, vectors.data(), static_cast<int>(vectors.size()),
                                  static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_failure("cannot write", path_);
      // The rest of a short write goes piece by piece.
      if (auto rest = File::write_rest(offset, some, static_cast<std::size_t>(n)); !rest) {
        return rest;
      }
      offset += bytes;
      pieces = pieces.subspan(some.size());
    }
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return system_failure("cannot stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
      return system_failure("cannot truncate", path_);
    }
    return {};
  }

  Result<> allocate(std::uint64_t size) override {
    const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size));
    if (error != 0) {
      errno = error;
      return system_failure("cannot reserve space for", path_);
    }
    return {};
  }

  Result<> sync() override {
    if (::fdatasync(descriptor_) != 0) return system_failure("cannot sync", path_);
    return {};
  }

  int descriptor() const override { return descriptor_; }

 private:
  int descriptor_;
  Path path_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const Path& path, bool create) override {
    int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0644);
    if (descriptor < 0 && !create && (errno == EACCES || errno == EROFS)) {
      descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // a file that may only be read
    }
    if (descriptor < 0) return system_failure("cannot open", path);
    return std::make_unique<PosixFile>(descriptor, path);
  }

  Result<> create_directories(const Path& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) {
      errno = error.value();
      return system_failure("cannot create folder", path);
    }
    return {};
  }

  Result<> remove(const Path& path) override {
    if (std::remove(path.c_str()) != 0) return system_failure("cannot remove", path);
    return {};
  }

  Result<> rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("cannot rename to", to);
    return {};
  }

  Result<> rename_no_replace(const Path& from, const Path& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) return system_failure("cannot create", to);
    if (::link(from.c_str(), to.c_str()) != 0) return system_failure("cannot create", to);
    return remove(from);
  }

  Result<> sync_directory(const Path& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return system_failure("cannot open folder", path);
    const bool failed = ::fsync(descriptor) != 0;
    const auto result = failed ? Result<>(system_failure("cannot sync folder", path)) : Result<>{};
    ::close(descriptor);
    return result;
  }

  Result<std::vector<std::string>> list(const Path& directory) const override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      errno = error.value();
      return system_failure("cannot list", directory);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

Result<Path> write_temporary(FileSystem& disk, const Path& path, std::string_view data) {
  static std::atomic<std::uint64_t> counter{0};
  const Path temporary = path.parent_path() / fmt::format(".{}.{}.{}.tmp", path.filename().string(),
                                                          ::getpid(), counter.fetch_add(1));
  auto file = TRY(disk.open(temporary, true));
  TRY(file->truncate(0));
  TRY(file->write_at(0, std::as_bytes(std::span(data.data(), data.size()))));
  TRY(file->sync());
  return temporary;
}

}  // namespace

Result<> File::write_rest(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces,
                          std::size_t done) {
  for (const auto piece : pieces) {
    const std::size_t skipped = std::min(done, piece.size());
    done -= skipped;
    if (skipped < piece.size()) TRY(write_at(offset + skipped, piece.subspan(skipped)));
    offset += piece.size();
  }
  return {};
}

Result<> File::write_pieces_at(std::uint64_t offset,
                               std::span<const std::span<const std::byte>> pieces) {
  return write_rest(offset, pieces, 0);
}

FileSystem& posix_file_system() {
  static PosixFileSystem disk;
  return disk;
}

Result<std::string> read_file(FileSystem& disk, const Path& path, std::size_t size_max) {
  const auto file = TRY(disk.open(path, false));
  const std::uint64_t size = TRY(file->size());
  if (size > size_max) {
    return fail(Code::kLimit, "{} has {} bytes; at most {} are read", path.string(), size,
                size_max);
  }
  std::string data(size, '\0');
  const std::size_t got = TRY(file->read_at(0, std::as_writable_bytes(std::span(data))));
  data.resize(got);
  return data;
}

Result<> write_file_durably(FileSystem& disk, const Path& path, std::string_view data) {
  const Path temporary = TRY(write_temporary(disk, path, data));
  TRY(disk.rename(temporary, path));
  return disk.sync_directory(path.parent_path());
}

Result<> create_file_durably(FileSystem& disk, const Path& path, std::string_view data) {
  const Path temporary = TRY(write_temporary(disk, path, data));
  if (auto renamed = disk.rename_no_replace(temporary, path); !renamed) {
    static_cast<void>(disk.remove(temporary));
    return renamed;
  }
  return disk.sync_directory(path.parent_path());
}

}  // namespace base
