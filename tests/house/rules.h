// The house rules that a machine can hold: who includes whom, how long a file is, how things are
// named. Each gives what is broken, one line of text with file, line and mend; empty when all is
// well. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "house/source_tree.h"

namespace house {

inline constexpr int kFileLinesMax = 500;
inline constexpr const char* kEveryRoom = "every room";

struct Room {
  std::string name;
  std::vector<std::string> may_include;  // beside itself
};
// From the table `| room | may include | …`; "every room above" stands for all rows before it.
std::vector<Room> rooms_in(std::string_view architecture);

// A room's row names only rooms above it, each room once.
std::vector<std::string> check_order(const std::vector<Room>& rooms);
std::vector<std::string> check_room_includes(const std::vector<Room>& rooms,
                                             const std::vector<Include>& includes);

// Headers from outside by exact name or, ending in '/', by folder; and the rooms that may use them.
using HeaderRooms = std::map<std::string, std::vector<std::string>>;
HeaderRooms header_rooms_in(std::string_view architecture);  // from the table `| header | rooms |`
// The C++ library's headers (no dot, no slash) are everybody's.
std::vector<std::string> check_outside_headers(const HeaderRooms& allowed,
                                               const std::vector<Include>& includes);

// `longer`: files that are longer than kFileLinesMax, by path, with the lines that they may have.
std::vector<std::string> check_lengths(const std::vector<SourceFile>& files,
                                       const std::map<std::string, int>& longer);

// Util, Helper, Common, Manager say nothing about what a thing is.
std::vector<std::string> check_names(const std::vector<SourceFile>& files);

}  // namespace house
