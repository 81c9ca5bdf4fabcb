#include "cli/lake_place.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

base::Result<std::optional<storage::S3StoreOptions>> read(const std::string& text) {
  return read_lake_place(TRY(base::Yaml::parse(text, "waybill.yaml")));
}

TEST(LakePlace, IsAFolderOfTheDataWhenNothingIsSaid) {
  EXPECT_FALSE(read("name: x\n").value().has_value());
}

TEST(LakePlace, OnS3TakesItsOptions) {
  const auto place =
      read(
          "lake: s3://bucket/a/b\ns3:\n  endpoint: http://127.0.0.1:9000/\n  region: "
          "eu-north-1\n  profile: night\n  cache: 1.5 GB\n")
          .value();
  ASSERT_TRUE(place);
  EXPECT_EQ(place->location.bucket, "bucket");
  EXPECT_EQ(place->location.prefix, "a/b");
  EXPECT_EQ(place->location.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(place->location.region, "eu-north-1");
  EXPECT_TRUE(place->location.path_style) << "an endpoint has no name for each bucket by itself";
  EXPECT_EQ(place->profile, "night");
  EXPECT_EQ(place->cache_bytes_max, 1'500'000'000U);
  EXPECT_FALSE(read("lake: s3://b\n").value()->location.path_style);
  EXPECT_FALSE(read("lake: s3://b\ns3: {endpoint: 'http://h', path_style: false}\n")
                   .value()
                   ->location.path_style);
}

TEST(LakePlace, ThatIsWrongIsRefusedWithLineAndMend) {
  const struct {
    const char* text;
    int line;
    const char* said;
  } cases[] = {
      {"lake: /srv/lake\n", 1, "does not begin with s3://"},
      {"lake: s3://\n", 1, "names no bucket"},
      {"name: x\ns3:\n  region: r\n", 3, "lake: s3://bucket/prefix"},
      {"lake: s3://b\ns3:\n  endpoint: host:9000\n", 3, "is no address"},
      {"lake: s3://b\ns3:\n  cache: lots\n", 3, "from 64 MB on"},
      {"lake: s3://b\ns3:\n  cache: 1 MB\n", 3, "from 64 MB on"},
      {"lake: s3://b\ns3:\n  regoin: r\n", 3, "regoin"},
  };
  for (const auto& one : cases) {
    const auto place = read(one.text);
    ASSERT_FALSE(place) << one.text;
    EXPECT_EQ(place.error().line, one.line) << one.text;
    EXPECT_NE(place.error().to_string().find(one.said), std::string::npos)
        << place.error().to_string();
    EXPECT_FALSE(place.error().mend.empty()) << one.text;
  }
}

}  // namespace
}  // namespace cli
