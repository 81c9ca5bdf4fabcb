#include "server/redis_url.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace server {
namespace {

TEST(RedisUrl, ReadsWhatPeopleWrite) {
  const auto plain = parse_redis_url("redis://cache");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->address(), "cache:6379");
  EXPECT_EQ(plain->database, 0);
  ::setenv("WAYBILL_TEST_REDIS_WORD", "p@ss:word", 1);
  const auto full = parse_redis_url("redis://me:env:WAYBILL_TEST_REDIS_WORD@10.0.0.1:7000/3");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->address(), "10.0.0.1:7000");
  EXPECT_EQ(full->user, "me");
  EXPECT_EQ(full->password, "p@ss:word");
  EXPECT_EQ(full->database, 3);
  EXPECT_EQ(parse_redis_url("redis://:a@b@host")->password, "a@b");
}

TEST(RedisUrl, RefusesWhatItCannotReadWithTheMendAndWithoutThePassword) {
  for (const char* text :
       {"", "cache:6379", "rediss://cache", "redis://", "redis://:6379", "redis://h:0",
        "redis://h:99999", "redis://h:x", "redis://h/x", "redis://h/-1", "redis://secret@h",
        "redis://secret:env:WAYBILL_TEST_NO_SUCH@h", "redis://u:secret@h:x"}) {
    const auto url = parse_redis_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_FALSE(url.error().mend.empty()) << text;
    EXPECT_EQ(url.error().to_string().find("secret"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace server
