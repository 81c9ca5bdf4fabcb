// What reads a table's log from outside: actions, schemas, deletion vectors, paths, names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "lake/deletion_vector.h"
#include "lake/log_files.h"
#include "lake/spark_schema.h"
#include "lake/state.h"
#include "lake/uri.h"

namespace {

// What was read is printed, and read again to the same text.
void fuzz_commit(std::string_view text) {
  const auto commit = lake::parse_commit(text);
  if (!commit) return;
  const std::string printed = lake::print_commit(*commit);
  if (printed.empty()) return;  // actions of other kinds alone
  const auto again = lake::parse_commit(printed);
  if (!again || lake::print_commit(*again) != printed) std::abort();
  const auto state = lake::advance({}, 0, 1, *commit);
  if (!state) return;
  for (const auto& file : commit->adds) static_cast<void>(file.rows());
  static_cast<void>(lake::advance(*state, 1, 2, *commit));
}

void fuzz_bitmap(std::string_view bytes) {
  const auto rows = lake::decode_bitmap(bytes, static_cast<std::int64_t>(bytes.size()) % 5000);
  if (!rows) return;
  const auto again =
      lake::decode_bitmap(lake::encode_bitmap(*rows), static_cast<std::int64_t>(rows->size()));
  if (!again || *again != *rows) std::abort();
}

void fuzz_descriptor(std::string_view text) {
  const auto descriptor = lake::parse_descriptor(text);
  static_cast<void>(lake::deletion_vector_id(text));
  static_cast<void>(lake::deletion_vector_cardinality(text));
  if (descriptor) static_cast<void>(lake::decode_deletion_file(text, *descriptor));
}

void fuzz_path(std::string_view text) {
  const auto path = lake::decode_path(text);
  if (!path) return;
  const auto again = lake::decode_path(lake::encode_path(*path));
  if (!again || *again != *path) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      fuzz_commit(text);
      break;
    case 1:
      fuzz_bitmap(text);
      break;
    case 2:
      fuzz_descriptor(text);
      break;
    case 3:
      fuzz_path(text);
      break;
    case 4:
      for (const auto mapping : {lake::ColumnMapping::kNone, lake::ColumnMapping::kName}) {
        static_cast<void>(lake::parse_spark_schema(std::string(text), mapping));
      }
      break;
    default:
      static_cast<void>(lake::read_listing(
          "t", {{.key = "t/_delta_log/" + std::string(text), .size = 1, .modified_us = 1}}));
  }
  return 0;
}
