// The rules of the house, held against the sources as they are.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "house/rules.h"

namespace house {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kRoot = WAYBILL_SOURCE_DIR;

// Files that are longer than the rule allows. A number here only goes down; a file is never added.
const std::map<std::string, int> kLongerFiles = {};

const std::string& architecture() {
  static const std::string text = read_text(kRoot / "docs/architecture.md");
  return text;
}

const std::vector<SourceFile>& sources() {
  static const auto files = read_sources(kRoot, {"src", "tests", "bench"}, {".h", ".cpp"});
  return files;
}

std::vector<Include> all_includes() {
  std::vector<Include> all;
  for (const SourceFile& file : sources()) {
    for (Include& include : includes_of(file)) all.push_back(std::move(include));
  }
  return all;
}

std::vector<std::string> names_of(const std::vector<Room>& rooms) {
  std::vector<std::string> names;
  for (const Room& room : rooms) names.push_back(room.name);
  return names;
}

TEST(House, EveryRoomIncludesOnlyWhatItsRowAllows) {
  const auto includes = all_includes();
  ASSERT_GT(includes.size(), 500U);
  EXPECT_THAT(check_room_includes(rooms_in(architecture()), includes), IsEmpty());
}

TEST(House, TheRowsNameOnlyRoomsAboveThem) {
  EXPECT_THAT(check_order(rooms_in(architecture())), IsEmpty());
}

TEST(House, TheRowsAreTheFoldersOfSrcInTheOrderOfTheBuild) {
  const auto rooms = names_of(rooms_in(architecture()));
  std::vector<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "src"))
    folders.push_back(entry.path().filename().string());
  EXPECT_THAT(rooms, testing::UnorderedElementsAreArray(folders));

  const std::string build = read_text(kRoot / "CMakeLists.txt");
  static const std::regex kRoom(R"(\nwaybill_room\((\w+))");
  std::vector<std::string> built;
  for (std::sregex_iterator it(build.begin(), build.end(), kRoom), end; it != end; ++it)
    built.push_back((*it)[1]);
  EXPECT_EQ(rooms, built);
}

TEST(House, HeadersFromOutsideStayInTheirRooms) {
  const HeaderRooms allowed = header_rooms_in(architecture());
  ASSERT_TRUE(allowed.contains("duckdb.h"));
  EXPECT_THAT(check_outside_headers(allowed, all_includes()), IsEmpty());
}

TEST(House, FilesStayBelow500Lines) {
  EXPECT_THAT(check_lengths(sources(), kLongerFiles), IsEmpty());
}

TEST(House, NamesSayWhatAThingIs) { EXPECT_THAT(check_names(sources()), IsEmpty()); }

// The rules themselves: what they must not let through.

constexpr const char* kDocument = R"(text
| room | may include | holds |
|---|---|---|
| `base` | – | errors |
| `log` | base | topics |
| `cli` | every room above | commands |

| header | rooms |
|---|---|
| `duckdb.h` | log |
| `boost/`, `unistd.h` | base, cli |
| `nlohmann/` | every room |
)";

std::vector<Include> includes_in(const std::string& path, const std::string& text) {
  return includes_of({.path = path, .text = text});
}

TEST(HouseRules, AnIncludeOfARoomBelowIsNamedWithItsLine) {
  const auto broken = check_room_includes(
      rooms_in(kDocument),
      includes_in("src/log/a.cpp", "#include \"base/b.h\"\n\n#  include \"cli/c.h\"\n"));
  EXPECT_THAT(broken, ElementsAre(HasSubstr("src/log/a.cpp:3: 'log' may not include 'cli'")));
}

TEST(HouseRules, ARoomMayIncludeItselfAndWhatEveryRoomAboveGives) {
  EXPECT_THAT(check_room_includes(rooms_in(kDocument), includes_in("src/cli/a.cpp",
                                                                   "#include \"cli/a.h\"\n"
                                                                   "#include \"log/l.h\"\n")),
              IsEmpty());
}

TEST(HouseRules, ARoomWithoutARowIsNamed) {
  EXPECT_THAT(check_room_includes(rooms_in(kDocument),
                                  includes_in("src/attic/a.cpp", "#include \"base/b.h\"\n")),
              ElementsAre(HasSubstr("'attic' has no row")));
}

TEST(HouseRules, AnIncludeWithoutItsRoomIsNamed) {
  EXPECT_THAT(check_room_includes(rooms_in(kDocument),
                                  includes_in("src/log/a.cpp", "#include \"segment.h\"\n")),
              ElementsAre(HasSubstr("write \"log/segment.h\"")));
}

TEST(HouseRules, ARowThatNamesARoomBelowItIsNamed) {
  EXPECT_THAT(check_order({{"base", {"log"}}, {"log", {"base"}}}),
              ElementsAre(HasSubstr("'base' may include 'log'")));
}

TEST(HouseRules, AHeaderFromOutsideIsRefusedInOtherRooms) {
  const HeaderRooms allowed = header_rooms_in(kDocument);
  EXPECT_THAT(
      check_outside_headers(allowed, includes_in("src/log/a.cpp", "#include <boost/asio.hpp>\n")),
      ElementsAre(HasSubstr("<boost/asio.hpp> is for base, cli only, not for 'log'")));
  EXPECT_THAT(check_outside_headers(allowed, includes_in("src/log/a.cpp",
                                                         "#include <vector>\n"
                                                         "#include <duckdb.h>\n"
                                                         "#include <nlohmann/json.hpp>\n")),
              IsEmpty());
}

TEST(HouseRules, AHeaderThatNoRowKnowsIsNamed) {
  EXPECT_THAT(check_outside_headers(header_rooms_in(kDocument),
                                    includes_in("src/base/a.cpp", "#include <hiredis/hiredis.h>")),
              ElementsAre(HasSubstr("<hiredis/hiredis.h> has no row")));
}

TEST(HouseRules, TheLengthsOfFilesOnlyGoDown) {
  const auto file = [](const char* path, int lines) {
    return SourceFile{.path = path, .text = std::string(static_cast<std::size_t>(lines), '\n')};
  };
  EXPECT_THAT(check_lengths({file("a.cpp", 500), file("b.cpp", 600)}, {{"b.cpp", 600}}), IsEmpty());
  EXPECT_THAT(check_lengths({file("a.cpp", 501)}, {}), ElementsAre(HasSubstr("has 501 lines")));
  EXPECT_THAT(check_lengths({file("b.cpp", 601)}, {{"b.cpp", 600}}),
              ElementsAre(HasSubstr("at most 600")));
  EXPECT_THAT(check_lengths({file("b.cpp", 500)}, {{"b.cpp", 600}}),
              ElementsAre(HasSubstr("no exception any more")));
  EXPECT_THAT(check_lengths({}, {{"b.cpp", 600}}), ElementsAre(HasSubstr("does not exist")));
}

TEST(HouseRules, EmptyNamesAreFoundAsWordsNotAsLetters) {
  const auto broken = check_names({
      {.path = "src/a/string_utils.h", .text = ""},
      {.path = "src/a/b.h", .text = "\nclass TopicManager {\nenum class CommonKind {"},
      {.path = "src/a/commonwealth.h", .text = "struct Utility {};  // class XHelper\n"},
  });
  EXPECT_THAT(broken, ElementsAre(HasSubstr("string_utils.h: 'utils'"),
                                  HasSubstr("b.h:2: 'manager' in TopicManager"),
                                  HasSubstr("b.h:3: 'common' in CommonKind")));
}

}  // namespace
}  // namespace house
