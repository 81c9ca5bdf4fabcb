// The files of a project, read and refused.
#include "cli/project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/uuid.h"

namespace cli {
namespace {

using ::testing::HasSubstr;

class ProjectTest : public ::testing::Test {
 protected:
  ProjectTest()
      : folder_(std::filesystem::temp_directory_path() / ("project-" + base::new_uuid())) {
    std::filesystem::create_directories(folder_);
  }
  ~ProjectTest() override { std::filesystem::remove_all(folder_); }
  base::Result<Project> load(const std::string& settings) {
    EXPECT_TRUE(base::write_file_durably(base::posix_file_system(), folder_ / "waybill.yaml",
                                         "name: test\n" + settings));
    return load_project(folder_);
  }

  base::Path folder_;
};

TEST_F(ProjectTest, SaysHowManyModelsRunSideBySide) {
  EXPECT_EQ(load("")->parallelism, 1);
  EXPECT_EQ(load("parallelism: 8\n")->parallelism, 8);
  for (const char* wrong : {"0", "9", "-1"}) {
    const auto refused = load(std::string("parallelism: ") + wrong + "\n");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().to_string(), HasSubstr("waybill.yaml:2"));
    EXPECT_THAT(refused.error().to_string(), HasSubstr("1 to 8 models"));
  }
}

TEST_F(ProjectTest, AModelReadsTheTablesThatItNamesAndNoneWithALikeName) {
  const auto database = sql::Database::open({.threads = 1});
  const auto connection = (*database)->connect();
  const auto model = runs::parse_model(
      "---\ntable: gold.x\nmode: daily at 02:00\n---\nSELECT 'bronze.scan' AS a, count(*) AS n "
      "FROM "
      "bronze.scans JOIN silver.y USING (k)",
      "models/gold/x.sql");
  EXPECT_THAT(*model_sources(**connection, *model),
              ::testing::UnorderedElementsAre("bronze.scans", "silver.y"));
}

}  // namespace
}  // namespace cli
