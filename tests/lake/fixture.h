// A lake in a temporary folder, for the tests of this room.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "lake/table.h"
#include "sql/database.h"
#include "storage/object_store.h"

namespace lake_test {

inline columns::Field field(const std::string& name, columns::Type type, bool nullable = true) {
  return {.name = name, .type = type, .nullable = nullable};
}

class LakeTest : public testing::Test {
 protected:
  LakeTest()
      : folder_(std::filesystem::temp_directory_path() / ("lake-" + base::new_uuid())),
        store_(storage::local_store(base::posix_file_system(), folder_).value()),
        database_(sql::Database::open({}).value()),
        connection_(database_->connect().value()) {}
  ~LakeTest() override { std::filesystem::remove_all(folder_); }

  static lake::Table::CreateOptions options(std::vector<columns::Field> fields,
                                            std::vector<std::string> partition_columns = {}) {
    lake::Table::CreateOptions result;
    result.name = "test";
    result.schema.fields = std::move(fields);
    result.partition_columns = std::move(partition_columns);
    return result;
  }

  std::shared_ptr<lake::Table> create(const std::string& path,
                                      const lake::Table::CreateOptions& with) {
    return lake::Table::create(*store_, *database_, path, with).value();
  }
  std::shared_ptr<lake::Table> open(const std::string& path) {
    return lake::Table::open(*store_, *database_, path).value();
  }

  // Commits the rows of a SELECT; the version.
  lake::Version append(lake::Table& table, const std::string& select) {
    auto transaction = table.begin().value();
    for (auto& file : table.stage(*connection_, select).value()) transaction->add(std::move(file));
    return transaction->commit({.operation = "WRITE"}).value();
  }

  // Replaces the files that match by the rows of a SELECT.
  lake::Version overwrite(lake::Table& table, const std::string& select) {
    auto transaction = table.begin().value();
    transaction->read_whole_table();
    for (const auto& file : transaction->base().files()) transaction->remove(file);
    for (auto& file : table.stage(*connection_, select).value()) transaction->add(std::move(file));
    return transaction->commit({.operation = "WRITE"}).value();
  }

  // Rows as "a|b|NULL" lines, sorted.
  std::vector<std::string> query(const std::string& sql) {
    auto result = connection_->query(sql);
    if (!result) {
      ADD_FAILURE() << result.error().to_string() << "\n" << sql;
      return {};
    }
    std::vector<std::string> lines;
    for (std::size_t row = 0; row < (*result)->rows(); ++row) {
      std::string line;
      for (std::size_t i = 0; i < (*result)->columns().size(); ++i) {
        if (i > 0) line += '|';
        line += (*result)->is_null(i, row) ? "NULL" : (*result)->text(i, row);
      }
      lines.push_back(std::move(line));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::vector<std::string> rows(lake::Table& table) {
    return query(table.snapshot().value()->scan_sql());
  }

  std::filesystem::path folder_;
  std::unique_ptr<storage::ObjectStore> store_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

}  // namespace lake_test
