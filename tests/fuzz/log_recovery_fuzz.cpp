// Opening a log whose files hold anything at all: refused by place, or a log that reads and writes.
//
// The input's first byte says which file the rest becomes: the segment as it is, the segment with
// checksums and marks made right (so that the fuzzer gets behind them), its index, the checkpoint,
// the start, the topic's settings. Everything else is as a short life has left it.
#include <array>
#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/logging.h"
#include "log/big_endian.h"
#include "log/embedded_log.h"
#include "log/record_batch.h"
#include "log/round_mark.h"
#include "log/simulated_disk.h"

namespace {

using eventlog::kBatchHeaderSize;
using eventlog::kMarkSize;

const base::ManualClock kClock{1'700'000'000 * base::kUsPerSecond};
const eventlog::TopicPartition kAt{"t", 0};
const base::Path kFolder = "/data/topics/t/0";

void write(base::FileSystem& disk, const base::Path& path, std::span<const std::byte> bytes) {
  auto file = disk.open(path, true);
  CHECK(file.has_value(), "cannot open");
  CHECK((*file)->truncate(0).has_value(), "cannot cut");
  CHECK((*file)->write_at(0, bytes).has_value(), "cannot write");
}

// Lays batches of the lengths that stand in the bytes under one mark each.
std::vector<std::byte> made_right(std::span<const std::byte> bytes, std::uint32_t salt) {
  std::vector<std::byte> out;
  eventlog::Offset next = 0;
  while (bytes.size() >= kBatchHeaderSize) {
    const std::size_t size = kBatchHeaderSize + static_cast<std::size_t>(bytes[11]) %
                                                    (bytes.size() - kBatchHeaderSize + 1);
    std::vector<std::byte> batch(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    eventlog::store_big<std::int64_t>(batch.data(), next);
    eventlog::store_big<std::int32_t>(batch.data() + 8, static_cast<std::int32_t>(size - 12));
    batch[16] = std::byte{2};
    eventlog::store_big<std::uint32_t>(batch.data() + 17,
                                       base::crc32c(std::span(batch).subspan(21)));
    const auto header = eventlog::read_header(batch);
    if (!header) continue;
    std::array<std::byte, kMarkSize> mark{};
    eventlog::store_mark(mark,
                         {.first_offset = next,
                          .bytes = static_cast<std::uint32_t>(size),
                          .position = out.size(),
                          .seal = eventlog::seal_with(0, batch),
                          .after_sync = true},
                         salt);
    out.insert(out.end(), mark.begin(), mark.end());
    out.insert(out.end(), batch.begin(), batch.end());
    next = header->last_offset() + 1;
  }
  return out;
}

std::unique_ptr<eventlog::EmbeddedLog> open(eventlog::SimulatedDisk& disk) {
  auto log = eventlog::open_embedded_log(disk, kClock, {.directory = "/data"});
  return log ? *std::move(log) : nullptr;
}

std::vector<std::byte> one_batch(std::int64_t producer, std::int32_t sequence) {
  eventlog::BatchBuilder builder;
  builder.set_producer(producer, 0, sequence);
  builder.add("key", "value", 1000);
  return builder.finish();
}

// A log that opened reads to its end or tells of damage, and takes appends that are there later.
void use(eventlog::SimulatedDisk& disk) {
  eventlog::Offset appended = -1;
  {
    const auto log = open(disk);
    if (!log) return;
    const auto info = log->topic("t");
    if (!info || info->start_offsets.empty()) return;
    for (eventlog::Offset next = info->start_offsets[0]; next < info->end_offsets[0];) {
      const auto read = log->fetch(kAt, next, 1 << 20, eventlog::Isolation::kReadCommitted, true);
      if (!read || read->next_offset <= next) break;
      for (const auto batch : read->batches) {
        static_cast<void>(eventlog::for_each_record(batch, [](const eventlog::RecordView&) {}));
      }
      next = read->next_offset;
    }
    static_cast<void>(log->list_offset_at(kAt, 1500));
    static_cast<void>(log->list_greatest_time(kAt));
    static_cast<void>(log->enforce_retention(kClock.now_us()));
    if (const auto done = log->append_and_wait(kAt, one_batch(99, 0)); done) {
      appended = done->base_offset;
    }
  }
  if (appended < 0) return;
  const auto log = open(disk);
  CHECK(log != nullptr, "what this log wrote does not open");
  CHECK(log->topic("t")->end_offsets[0] > appended, "an acknowledged record is lost");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (base::start_logging("off"), true);
  static_cast<void>(quiet);
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  eventlog::SimulatedDisk disk(1);
  std::string id;
  {
    const auto log = open(disk);
    CHECK(log != nullptr, "an empty folder does not open");
    CHECK(log->create_topic({.name = "t", .segment_bytes_max = 1024}).has_value(), "no topic");
    for (int i = 0; i < 12; ++i) {
      CHECK(log->append_and_wait(kAt, one_batch(7, i)).has_value(), "no append");
    }
    id = log->topic("t")->id;
  }
  const base::Path segment = kFolder / "00000000000000000000.log";
  const std::uint32_t salt = eventlog::salt_of(id + "/0", 0);
  switch (data[0] % 8) {
    case 0:
    case 1:
      for (const std::string& name : *disk.list(kFolder)) {
        CHECK(disk.remove(kFolder / name).has_value(), "cannot remove");
      }
      static_cast<void>(disk.remove("/data/checkpoint"));
      if (data[0] % 8 == 0) write(disk, segment, bytes);
      if (data[0] % 8 == 1) write(disk, segment, made_right(bytes, salt));
      break;
    case 2:
      write(disk, segment, bytes);
      break;
    case 3:
      static_cast<void>(disk.remove("/data/checkpoint"));
      write(disk, kFolder / "00000000000000000000.index", bytes);
      break;
    case 4:
      write(disk, "/data/checkpoint", bytes);
      break;
    case 5:
      write(disk, kFolder / "start", bytes);
      break;
    case 6:
      write(disk, "/data/topics/t/topic.json", bytes);
      break;
    default: {  // a byte is changed somewhere
      const auto names = *disk.list(kFolder);
      const base::Path path =
          kFolder / names[std::to_integer<std::size_t>(bytes[0]) % names.size()];
      auto file = *disk.open(path, false);
      const std::uint64_t length = *file->size();
      if (length == 0) break;
      static_cast<void>(disk.remove("/data/checkpoint"));
      std::uint64_t at = 0;
      for (const std::byte byte : bytes) at = at * 256 + std::to_integer<std::uint64_t>(byte);
      CHECK(file->write_at(at % length, bytes.first(1)).has_value(), "cannot write");
    }
  }
  use(disk);
  return 0;
}
