#include "cli/opened_lake.h"

#include <unistd.h>

#include <filesystem>

#include "cli/project.h"

namespace cli {

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path.empty()) std::filesystem::remove_all(path, ignored);
}

base::Result<OpenedLake> open_lake(const std::string& project, const std::string& place_text) {
  base::Path folder = place_text;
  std::string memory = "2GB";
  std::optional<storage::S3StoreOptions> place;
  if (place_text.empty()) {
    const Project loaded = TRY(load_project(project));
    folder = loaded.data / "lake";
    memory = loaded.memory;
    place = loaded.lake;
  } else if (place_text.starts_with("s3://")) {
    place.emplace();
    place->location = TRY(storage::parse_s3_url(place_text));
  }
  if (!place && !std::filesystem::exists(folder)) {
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("there is no lake at {}", folder.string()),
                           "start the platform once, or name a folder with --lake");
  }
  OpenedLake lake;
  if (place) {
    place->checks = false;  // some only read
    lake.copies.path =
        std::filesystem::temp_directory_path() / fmt::format("waybill-lake-{}", ::getpid());
  }
  lake.store = TRY(open_lake_place(place, folder, lake.copies.path));
  lake.database = TRY(sql::Database::open(
      {.memory_limit = memory,
       .threads = 2,
       .temporary_directory =
           (std::filesystem::temp_directory_path() / "waybill-spill").string()}));
  lake.connection = TRY(lake.database->connect());
  lake.catalog = lake::make_catalog(*lake.store, *lake.database);
  return lake;
}

}  // namespace cli
