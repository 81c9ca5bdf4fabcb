#include "stream/seen_keys.h"

#include <gtest/gtest.h>

namespace stream {
namespace {

constexpr std::int64_t kHourUs = 3600 * base::kUsPerSecond;

KeyHash key(int number) { return hash_field({}, std::to_string(number), false); }

TEST(KeyHash, ANullDiffersFromAnEmptyTextAndFieldsDoNotRunTogether) {
  EXPECT_FALSE(hash_field({}, "", true) == hash_field({}, "", false));
  EXPECT_FALSE(hash_field(hash_field({}, "a", false), "bc", false) ==
               hash_field(hash_field({}, "ab", false), "c", false));
  EXPECT_FALSE(hash_field(hash_field({}, "a", false), "b", false) ==
               hash_field(hash_field({}, "b", false), "a", false));
  EXPECT_FALSE(hash_field({}, "", false).empty());
}

TEST(SeenKeys, AKeyIsNewOnceAtWhateverTime) {
  SeenKeys seen(kHourUs);
  EXPECT_TRUE(seen.insert(key(1), 0));
  EXPECT_FALSE(seen.insert(key(1), 0));
  EXPECT_FALSE(seen.insert(key(1), kHourUs / 2)) << "another generation";
  EXPECT_TRUE(seen.insert(key(2), 0));
  EXPECT_EQ(seen.size(), 2U);
}

TEST(SeenKeys, ManyKeysAreAllRememberedAndNoneIsMadeUp) {
  SeenKeys seen(kHourUs);
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(seen.insert(key(i), i * 1000LL)) << i;
  for (int i = 0; i < 20'000; ++i) ASSERT_FALSE(seen.insert(key(i), i * 1000LL)) << i;
  EXPECT_EQ(seen.size(), 20'000U);
}

TEST(SeenKeys, AKeyIsKeptForTheTtlAndForgottenSoonAfter) {
  SeenKeys seen(kHourUs);
  EXPECT_TRUE(seen.insert(key(1), 0));
  EXPECT_TRUE(seen.insert(key(2), kHourUs));
  seen.forget();
  EXPECT_FALSE(seen.insert(key(1), 0)) << "exactly the ttl behind";
  EXPECT_TRUE(seen.insert(key(3), 2 * kHourUs));
  seen.forget();
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen.insert(key(1), 2 * kHourUs)) << "two hours behind";
}

TEST(SeenKeys, ALateKeyIsRememberedInTheOldestGenerationKept) {
  SeenKeys seen(kHourUs);
  EXPECT_TRUE(seen.insert(key(1), 100 * kHourUs));
  seen.forget();
  EXPECT_TRUE(seen.insert(key(2), 0));
  EXPECT_FALSE(seen.insert(key(2), 0));
  seen.forget();
  EXPECT_FALSE(seen.insert(key(2), 0)) << "forgetting keeps what is not past the ttl";
}

TEST(SeenKeys, TimesBefore1970WorkAsOthers) {
  SeenKeys seen(kHourUs);
  EXPECT_TRUE(seen.insert(key(1), -10 * kHourUs));
  EXPECT_FALSE(seen.insert(key(1), -10 * kHourUs));
  EXPECT_TRUE(seen.insert(key(2), -8 * kHourUs));
  seen.forget();
  EXPECT_TRUE(seen.insert(key(1), -8 * kHourUs));
}

TEST(SeenKeys, WhatIsTakenAndLoadedAgainRemembersTheSame) {
  SeenKeys seen(kHourUs);
  for (int i = 0; i < 3000; ++i) seen.insert(key(i), i * base::kUsPerSecond);
  const auto added = seen.take_added();
  EXPECT_TRUE(seen.take_added().empty()) << "each key is taken once";
  std::size_t bytes = 0;
  SeenKeys loaded(kHourUs);
  for (const auto& [generation, packed] : added) {
    bytes += packed.size();
    loaded.load(generation, packed);
  }
  EXPECT_EQ(bytes, 3000 * sizeof(KeyHash));
  EXPECT_EQ(loaded.size(), 3000U);
  for (int i = 0; i < 3000; ++i) ASSERT_FALSE(loaded.insert(key(i), i * base::kUsPerSecond)) << i;
  EXPECT_TRUE(loaded.take_added().empty()) << "loaded keys are not written again";
  EXPECT_TRUE(loaded.insert(key(3000), 0));
  EXPECT_EQ(loaded.take_added().size(), 1U);
}

}  // namespace
}  // namespace stream
