// A fresh database and a connection for each test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "sql/database.h"

namespace sql {

class Sql : public ::testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open({});
    ASSERT_TRUE(database) << database.error().to_string();
    database_ = std::move(*database);
    connection_ = std::move(*database_->connect());
  }

  std::unique_ptr<Result> query(const std::string& sql) {
    auto result = connection_->query(sql);
    EXPECT_TRUE(result) << sql << "\n" << result.error().to_string();
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(*result);
  }

  std::string text(const std::string& sql) {
    const auto result = query(sql);
    return result && result->rows() > 0 ? result->text(0, 0) : "(nothing)";
  }

  base::Error error(const std::string& sql) {
    auto result = connection_->query(sql);
    EXPECT_FALSE(result) << sql;
    return result ? base::Error{} : result.error();
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace sql
