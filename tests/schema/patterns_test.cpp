#include "schema/patterns.h"

#include <gtest/gtest.h>

#include <chrono>

namespace schema {
namespace {

TEST(Patterns, AreFoundAnywhereInTheTextUnlessAnchored) {
  struct Case {
    const char* pattern;
    const char* text;
    std::optional<bool> found;
  };
  for (const Case& c : {Case{"b", "abc", true},
                        Case{"^b", "abc", false},
                        Case{"c$", "abc", true},
                        Case{"b$", "abc", false},
                        Case{"", "", true},
                        Case{"^$", "", true},
                        Case{"^$", "a", false},
                        Case{"^[a-z]{2,4}-\\d+$", "abc-12", true},
                        Case{"^[a-z]{2,4}-\\d+$", "abcde-12", false},
                        Case{"^(a|bc)*$", "abca", true},
                        Case{"^x|c$", "abc", true},
                        Case{"^(?=.*[A-Z])(?=.*[0-9]).{4,}$", "aB3d", true},
                        Case{"^(?=.*[A-Z])(?=.*[0-9]).{4,}$", "ab3d", false},
                        Case{"a\nb", "xa\nby", true},
                        Case{"(", "a", std::nullopt},
                        Case{"a)(b", "a", std::nullopt},
                        Case{"(a)\\1", "aa", std::nullopt},
                        Case{"(a{100}){100}", "a", std::nullopt},
                        Case{"a{99999999999999999999999}", "a", std::nullopt},
                        Case{"[a", "a", std::nullopt}}) {
    EXPECT_EQ(Patterns().matches(c.pattern, c.text), c.found) << c.pattern << " in " << c.text;
  }
}

TEST(Patterns, ThatTrackBackElsewhereTakeNoLongerThanTheTextIsLong) {
  const auto start = std::chrono::steady_clock::now();
  for (const char* pattern : {"^(a+)+b$", "^((((a*)*)*)*)*b$", "(a|aa)+$b", "(a?){50}a{50}b"})
    EXPECT_EQ(Patterns().matches(pattern, std::string(kPatternTextMax, 'a')), false) << pattern;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_LT(taken.count(), 5.0);
}

TEST(Patterns, EndWhenTooMuchIsLookedFor) {
  Patterns patterns;
  const std::string text(kPatternTextMax, 'a');
  std::size_t looked = 0;
  while (!patterns.exhausted() && looked < 1'000'000) {
    patterns.matches("(a?){50}a{50}b", text);
    ++looked;
  }
  EXPECT_TRUE(patterns.exhausted());
  EXPECT_EQ(patterns.matches("a", "a"), std::nullopt);
}

}  // namespace
}  // namespace schema
