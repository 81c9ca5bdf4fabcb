#include "house/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <regex>
#include <sstream>

namespace house {
namespace {

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string place(const Include& include) {
  return fmt::format("{}:{}", include.file, include.line);
}

// "EventLog" and "event_log" as {"event", "log"}.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  bool fresh = true;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter && (fresh || upper)) words.emplace_back();
    if (letter) words.back() += static_cast<char>(upper ? c - 'A' + 'a' : c);
    fresh = !letter;
  }
  return words;
}

std::optional<std::string> forbidden_word(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kForbidden = {
      "util", "utils", "helper", "helpers", "common", "commons", "manager", "managers"};
  for (const std::string& word : words_of(name)) {
    if (std::find(kForbidden.begin(), kForbidden.end(), word) != kForbidden.end()) return word;
  }
  return std::nullopt;
}

// Whether a line can hold a forbidden word at all; most lines are through with this.
bool may_be_empty_name(std::string_view line) {
  for (const std::string_view part : {"til", "elper", "ommon", "anager"}) {
    if (line.find(part) != std::string_view::npos) return true;
  }
  return false;
}

// A line without its comment and without what stands in quotes.
std::string code_of(std::string_view line) {
  std::string code;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && line.substr(i).starts_with("//")) {
      break;
    } else if (!quoted) {
      code += line[i];
    }
  }
  return code;
}

// The row of the table that speaks of this header; nullptr when none does.
const std::vector<std::string>* rooms_of(const HeaderRooms& allowed, const std::string& header) {
  for (const auto& [name, rooms] : allowed) {
    if (name.ends_with('/') ? header.starts_with(name) : header == name) return &rooms;
  }
  return nullptr;
}

}  // namespace

std::vector<Room> rooms_in(std::string_view architecture) {
  std::vector<Room> rooms;
  for (const Row& row : table_rows(architecture, {"room", "may include"})) {
    Room room{.name = row.at(0), .may_include = {}};
    for (const std::string& name : list_in(row.size() > 1 ? row[1] : "")) {
      if (name != "every room above") {
        room.may_include.push_back(name);
        continue;
      }
      for (const Room& above : rooms) room.may_include.push_back(above.name);
    }
    rooms.push_back(std::move(room));
  }
  return rooms;
}

std::vector<std::string> check_order(const std::vector<Room>& rooms) {
  std::vector<std::string> broken;
  std::vector<std::string> above;
  for (const Room& room : rooms) {
    if (has(above, room.name))
      broken.push_back(fmt::format("the room '{}' has two rows: keep one", room.name));
    for (const std::string& name : room.may_include) {
      if (has(above, name)) continue;
      broken.push_back(
          fmt::format("'{}' may include '{}', which is no room above it: move one of the rows, or "
                      "what '{}' needs of it",
                      room.name, name, room.name));
    }
    above.push_back(room.name);
  }
  return broken;
}

std::vector<std::string> check_room_includes(const std::vector<Room>& rooms,
                                             const std::vector<Include>& includes) {
  std::map<std::string, std::vector<std::string>> may;
  for (const Room& room : rooms) may[room.name] = room.may_include;
  std::vector<std::string> broken;
  for (const Include& include : includes) {
    const std::string from = room_of(include.file);
    if (from.empty() || !include.quoted) continue;
    const std::string to = include.header.substr(0, include.header.find('/'));
    if (include.header.find('/') == std::string::npos) {
      broken.push_back(fmt::format("{}: \"{}\" has no room in front: write \"{}/{}\"",
                                   place(include), include.header, from, include.header));
    } else if (!may.contains(from)) {
      broken.push_back(fmt::format("{}: the room '{}' has no row in docs/architecture.md: add one",
                                   place(include), from));
    } else if (to != from && !has(may[from], to)) {
      broken.push_back(
          fmt::format("{}: '{}' may not include '{}' ({}): the rooms that it may are {}",
                      place(include), from, to, include.header, fmt::join(may[from], ", ")));
    }
  }
  return broken;
}

HeaderRooms header_rooms_in(std::string_view architecture) {
  HeaderRooms allowed;
  for (const Row& row : table_rows(architecture, {"header", "rooms"})) {
    for (const std::string& header : list_in(row.at(0)))
      allowed[header] = list_in(row.size() > 1 ? row[1] : "");
  }
  return allowed;
}

std::vector<std::string> check_outside_headers(const HeaderRooms& allowed,
                                               const std::vector<Include>& includes) {
  std::vector<std::string> broken;
  for (const Include& include : includes) {
    const std::string room = room_of(include.file);
    const bool of_language = include.header.find_first_of("./") == std::string::npos;
    if (room.empty() || include.quoted || of_language) continue;
    const std::vector<std::string>* const rooms = rooms_of(allowed, include.header);
    if (rooms == nullptr) {
      broken.push_back(fmt::format(
          "{}: <{}> has no row in the table of headers in docs/architecture.md: add one",
          place(include), include.header));
    } else if (!has(*rooms, room) && !has(*rooms, kEveryRoom)) {
      broken.push_back(fmt::format("{}: <{}> is for {} only, not for '{}'", place(include),
                                   include.header, fmt::join(*rooms, ", "), room));
    }
  }
  return broken;
}

std::vector<std::string> check_lengths(const std::vector<SourceFile>& files,
                                       const std::map<std::string, int>& longer) {
  std::vector<std::string> broken;
  std::map<std::string, int> not_found = longer;
  for (const SourceFile& file : files) {
    const auto exception = longer.find(file.path);
    not_found.erase(file.path);
    const int lines = file.lines();
    const int most = exception == longer.end() ? kFileLinesMax : exception->second;
    if (lines > most) {
      broken.push_back(fmt::format("{} has {} lines, at most {} are allowed: split it by subject",
                                   file.path, lines, most));
    } else if (exception != longer.end() && lines <= kFileLinesMax) {
      broken.push_back(
          fmt::format("{} has {} lines and is no exception any more: take its line "
                      "out of tests/house/house_test.cpp",
                      file.path, lines));
    }
  }
  for (const auto& [path, lines] : not_found) {
    broken.push_back(
        fmt::format("{} does not exist: take its line out of tests/house/house_test.cpp", path));
  }
  return broken;
}

std::vector<std::string> check_names(const std::vector<SourceFile>& files) {
  static const std::regex kNamed(
      R"(\b(?:class|struct|union|concept|namespace|enum(?:\s+class)?|using)\s+([A-Za-z_]\w*))");
  std::vector<std::string> broken;
  for (const SourceFile& file : files) {
    if (const auto word = forbidden_word(file.stem()))
      broken.push_back(fmt::format("{}: '{}' says nothing: name the file after what it holds",
                                   file.path, *word));
    std::istringstream lines(file.text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (!may_be_empty_name(line)) continue;
      const std::string code = code_of(line);
      for (std::sregex_iterator it(code.begin(), code.end(), kNamed), end; it != end; ++it) {
        const std::string name = (*it)[1];
        const auto word = forbidden_word(name);
        if (!word) continue;
        broken.push_back(fmt::format("{}:{}: '{}' in {} says nothing: name it after what it is",
                                     file.path, number, *word, name));
      }
    }
  }
  return broken;
}

}  // namespace house
