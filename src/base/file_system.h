// The disk behind one interface, with the durability rules of the house.
//
// Threads: a FileSystem may be used from any thread; a File from one thread at a time, except
// read_at, which any number of threads may call beside one writer.
// Invariant: a failed sync is never retried. sync() reports it as kIo and the caller stops the
// process: after a failed fdatasync the kernel may have dropped the pages, and a second call says
// success over lost data (Rebello et al., ATC 2020).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace base {

using Path = std::filesystem::path;

class File {
 public:
  virtual ~File() = default;
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const = 0;
  virtual Result<> write_at(std::uint64_t offset, std::span<const std::byte> data) = 0;
  // The pieces one behind the other.
  virtual Result<> write_pieces_at(std::uint64_t offset,
                                   std::span<const std::span<const std::byte>> pieces);
  virtual Result<std::uint64_t> size() const = 0;
  virtual Result<> truncate(std::uint64_t size) = 0;
  // Reserves `size` bytes on disk so that later writes need no metadata; the file shows as that
  // long.
  virtual Result<> allocate(std::uint64_t size) = 0;
  virtual Result<> sync() = 0;  // fdatasync
  // A descriptor for mmap and sendfile; -1 where there is none.
  virtual int descriptor() const = 0;

 protected:
  // What is behind the first `done` bytes of the pieces.
  Result<> write_rest(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces,
                      std::size_t done);
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Opens for reading and writing; creates when `create`.
  virtual Result<std::unique_ptr<File>> open(const Path& path, bool create) = 0;
  virtual Result<> create_directories(const Path& path) = 0;
  virtual Result<> remove(const Path& path) = 0;  // a file or an empty folder
  virtual Result<> rename(const Path& from, const Path& to) = 0;
  // Gives `from` the name `to` only if nobody has it: kAlreadyExists otherwise (renameat2
  // RENAME_NOREPLACE, link(2) where the file system lacks it).
  virtual Result<> rename_no_replace(const Path& from, const Path& to) = 0;
  virtual Result<> sync_directory(const Path& path) = 0;
  // File names in a directory, sorted; empty when it does not exist.
  virtual Result<std::vector<std::string>> list(const Path& directory) const = 0;
};

// The real disk.
FileSystem& posix_file_system();

// The whole file. kNotFound, or kLimit above `size_max`.
Result<std::string> read_file(FileSystem& disk, const Path& path, std::size_t size_max = 1UL << 30);
// Temp file, sync, rename over `path`, directory sync: after return the file is whole and durable.
Result<> write_file_durably(FileSystem& disk, const Path& path, std::string_view data);
// The same, but kAlreadyExists when `path` exists.
Result<> create_file_durably(FileSystem& disk, const Path& path, std::string_view data);

}  // namespace base
