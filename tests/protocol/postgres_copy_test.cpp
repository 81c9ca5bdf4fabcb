#include <gtest/gtest.h>

#include "protocol/postgres/copy.h"

namespace protocol::postgres {
namespace {

using Values = std::vector<std::optional<std::string>>;

std::string data_row(const Values& values) {
  std::string out;
  {
    const MessageScope message(out, 'D');
    append_u16(out, static_cast<std::uint16_t>(values.size()));
    for (const auto& value : values) {
      if (value) {
        append_value(out, *value);
      } else {
        append_null(out);
      }
    }
  }
  return out;
}

// What comes between CopyOutResponse and CopyDone.
std::string copied(const std::string& sql, const std::vector<Values>& rows) {
  const auto copy = read_copy(sql);
  if (!copy || !*copy) return "not understood";
  CopyWriter writer((*copy)->options, {{.name = "a"}, {.name = "b c"}});
  std::string all;
  for (const auto& row : rows) all += data_row(row);
  std::string out;
  writer.begin(out);
  writer.append(all, out);
  writer.end(out);
  std::string data;
  for (std::size_t at = 0; at < out.size();) {
    std::uint32_t size = 0;
    __builtin_memcpy(&size, out.data() + at + 1, 4);
    size = __builtin_bswap32(size);
    if (out[at] == 'd') data += out.substr(at + 5, size - 4);
    at += size + 1;
  }
  return data;
}

TEST(PostgresCopy, WritesRowsInEachStyle) {
  const std::vector<Values> rows = {{"1", std::nullopt}, {"a\tb\n\\", ""}, {"x,\"y\"", "\\N"}};
  const std::pair<const char*, std::string> cases[] = {
      {"COPY t TO STDOUT", "1\t\\N\na\\tb\\n\\\\\t\nx,\"y\"\t\\\\N\n"},
      {"COPY t TO STDOUT (DELIMITER '|', NULL 'none', HEADER)",
       "a|b c\n1|none\na\\tb\\n\\\\|\nx,\"y\"|\\\\N\n"},
      {"COPY t TO STDOUT CSV HEADER", "a,b c\n1,\n\"a\tb\n\\\",\"\"\n\"x,\"\"y\"\"\",\\N\n"},
      {"copy t to stdout with (format csv, delimiter ';', null '\\N', force_quote *)",
       "\"1\";\\N\n\"a\tb\n\\\";\"\"\n\"x,\"\"y\"\"\";\"\\N\"\n"},
      {"COPY t TO STDOUT (FORMAT csv, QUOTE '|', ESCAPE '\\', FORCE_QUOTE (\"b c\"))",
       "1,\n|a\tb\n\\\\|,||\n|x,\"y\"|,|\\\\N|\n"},
  };
  for (const auto& [sql, want] : cases) EXPECT_EQ(copied(sql, rows), want) << sql;
}

TEST(PostgresCopy, WritesTuplesBehindTheBinaryHeader) {
  const std::string header("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  const std::string end("\xFF\xFF", 2);
  EXPECT_EQ(copied("COPY t TO STDOUT BINARY", {}), header + end);
  EXPECT_EQ(copied("COPY t TO STDOUT (FORMAT binary)", {{"x", std::nullopt}}),
            header + std::string("\0\2\0\0\0\1x\xFF\xFF\xFF\xFF", 11) + end);
}

TEST(PostgresCopy, ReadsWhatIsToBeCopied) {
  const std::pair<const char*, const char*> cases[] = {
      {"COPY silver.scans TO STDOUT", "SELECT * FROM silver.scans"},
      {"COPY \"My\".\"t\" (a, \"b c\") TO STDOUT;", "SELECT a, \"b c\" FROM \"My\".\"t\""},
      {"COPY (SELECT (1), ')' FROM t -- )\n) TO STDOUT", "SELECT (1), ')' FROM t"},
  };
  for (const auto& [sql, want] : cases) {
    const auto copy = read_copy(sql);
    ASSERT_TRUE(copy && *copy) << sql;
    EXPECT_EQ((*copy)->query, want);
  }
  EXPECT_FALSE(*read_copy("SELECT 1"));
}

TEST(PostgresCopy, RefusesWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"COPY", "42601"},
      {"COPY t", "42601"},
      {"COPY (", "42601"},
      {"COPY ()", "42601"},
      {"COPY (SELECT 1", "42601"},
      {"COPY t () TO STDOUT", "42601"},
      {"COPY t FROM STDIN", "25006"},
      {"COPY t TO 'file'", "25006"},
      {"COPY t TO PROGRAM 'rm'", "25006"},
      {"COPY t TO STDOUT (", "42601"},
      {"COPY t TO STDOUT (FORMAT csv", "42601"},
      {"COPY t TO STDOUT (FORMAT csv) more", "42601"},
      {"COPY t TO STDOUT (FORMAT)", "22023"},
      {"COPY t TO STDOUT (NULL)", "42601"},
      {"COPY t TO STDOUT (DELIMITER '')", "22023"},
      {"COPY t TO STDOUT (DELIMITER 'a')", "22023"},
      {"COPY t TO STDOUT (QUOTE '\"')", "0A000"},
      {"COPY t TO STDOUT (FORMAT csv, DELIMITER '\"')", "22023"},
      {"COPY t TO STDOUT (FORMAT binary, HEADER)", "42601"},
      {"COPY t TO STDOUT (ENCODING 'latin1')", "22023"},
  };
  for (const auto& [sql, want] : cases) {
    const auto copy = read_copy(sql);
    ASSERT_FALSE(copy) << sql;
    EXPECT_EQ(copy.error().sqlstate, want) << sql;
    EXPECT_FALSE(copy.error().hint.empty()) << sql;
  }
}

}  // namespace
}  // namespace protocol::postgres
