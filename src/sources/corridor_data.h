// The hubs and corridors of Network::europe(): cities by UN/LOCODE with their coordinates, and the
// main roads between neighbours. A corridor over water stands for a tunnel, a bridge or a ferry.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "sources/corridors.h"

namespace sources {

inline constexpr auto kHubs = std::to_array<Hub>({
    {"DEBER", "Berlin", 52.520, 13.405},       {"DEHAM", "Hamburg", 53.551, 9.994},
    {"DEMUC", "Munich", 48.137, 11.575},       {"DEFRA", "Frankfurt", 50.110, 8.682},
    {"DECGN", "Cologne", 50.938, 6.960},       {"DESTR", "Stuttgart", 48.776, 9.183},
    {"DELEJ", "Leipzig", 51.340, 12.375},      {"DEHAJ", "Hanover", 52.376, 9.732},
    {"DENUE", "Nuremberg", 49.454, 11.078},    {"DEDTM", "Dortmund", 51.514, 7.466},
    {"NLRTM", "Rotterdam", 51.924, 4.478},     {"NLAMS", "Amsterdam", 52.370, 4.895},
    {"BEANR", "Antwerp", 51.219, 4.402},       {"BEBRU", "Brussels", 50.850, 4.352},
    {"LULUX", "Luxembourg", 49.612, 6.130},    {"FRPAR", "Paris", 48.857, 2.352},
    {"FRLIL", "Lille", 50.629, 3.057},         {"FRLYS", "Lyon", 45.764, 4.836},
    {"FRMRS", "Marseille", 43.296, 5.370},     {"FRBOD", "Bordeaux", 44.838, -0.579},
    {"FRTLS", "Toulouse", 43.605, 1.444},      {"FRNTE", "Nantes", 47.218, -1.554},
    {"FRSXB", "Strasbourg", 48.574, 7.752},    {"FRDIJ", "Dijon", 47.322, 5.041},
    {"ESMAD", "Madrid", 40.417, -3.703},       {"ESBCN", "Barcelona", 41.385, 2.173},
    {"ESVLC", "Valencia", 39.470, -0.376},     {"ESSVQ", "Seville", 37.389, -5.984},
    {"ESZAZ", "Zaragoza", 41.649, -0.889},     {"ESBIO", "Bilbao", 43.263, -2.935},
    {"PTLIS", "Lisbon", 38.722, -9.139},       {"PTOPO", "Porto", 41.158, -8.629},
    {"ITMIL", "Milan", 45.464, 9.190},         {"ITTRN", "Turin", 45.070, 7.687},
    {"ITGOA", "Genoa", 44.405, 8.946},         {"ITBLQ", "Bologna", 44.494, 11.343},
    {"ITROM", "Rome", 41.903, 12.496},         {"ITNAP", "Naples", 40.852, 14.268},
    {"ITBRI", "Bari", 41.117, 16.872},         {"ITVRN", "Verona", 45.438, 10.992},
    {"CHZRH", "Zurich", 47.377, 8.541},        {"CHBSL", "Basel", 47.560, 7.588},
    {"CHGVA", "Geneva", 46.204, 6.143},        {"ATVIE", "Vienna", 48.208, 16.373},
    {"ATINN", "Innsbruck", 47.269, 11.404},    {"ATLNZ", "Linz", 48.306, 14.286},
    {"ATGRZ", "Graz", 47.071, 15.439},         {"CZPRG", "Prague", 50.076, 14.438},
    {"CZBRQ", "Brno", 49.195, 16.607},         {"SKBTS", "Bratislava", 48.149, 17.107},
    {"HUBUD", "Budapest", 47.498, 19.040},     {"PLWAW", "Warsaw", 52.230, 21.012},
    {"PLPOZ", "Poznan", 52.407, 16.930},       {"PLWRO", "Wroclaw", 51.108, 17.039},
    {"PLKRK", "Krakow", 50.065, 19.945},       {"PLGDN", "Gdansk", 54.352, 18.647},
    {"DKCPH", "Copenhagen", 55.676, 12.568},   {"DKAAR", "Aarhus", 56.157, 10.211},
    {"SEGOT", "Gothenburg", 57.709, 11.975},   {"SESTO", "Stockholm", 59.329, 18.069},
    {"SEMMA", "Malmo", 55.605, 13.004},        {"NOOSL", "Oslo", 59.914, 10.752},
    {"SILJU", "Ljubljana", 46.057, 14.506},    {"HRZAG", "Zagreb", 45.815, 15.982},
    {"RSBEG", "Belgrade", 44.787, 20.457},     {"ROBUH", "Bucharest", 44.427, 26.103},
    {"ROCLJ", "Cluj-Napoca", 46.771, 23.624},  {"BGSOF", "Sofia", 42.698, 23.322},
    {"GRSKG", "Thessaloniki", 40.640, 22.944}, {"GRATH", "Athens", 37.984, 23.728},
    {"LTKUN", "Kaunas", 54.898, 23.904},       {"LVRIX", "Riga", 56.950, 24.105},
    {"EETLL", "Tallinn", 59.437, 24.754},      {"GBLON", "London", 51.507, -0.128},
    {"GBBHM", "Birmingham", 52.486, -1.890},   {"GBMNC", "Manchester", 53.481, -2.242},
    {"GBGLW", "Glasgow", 55.864, -4.252},
});

inline constexpr auto kCorridors = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"DEBER", "DEHAM"}, {"DEBER", "DEHAJ"}, {"DEBER", "DELEJ"}, {"DEBER", "PLPOZ"},
    {"DEBER", "PLWRO"}, {"DEHAM", "DEHAJ"}, {"DEHAM", "DEDTM"}, {"DEHAM", "DKAAR"},
    {"DEHAM", "DKCPH"}, {"DEHAJ", "DEDTM"}, {"DEHAJ", "DELEJ"}, {"DEHAJ", "DEFRA"},
    {"DEHAJ", "NLAMS"}, {"DEDTM", "DECGN"}, {"DEDTM", "DEFRA"}, {"DEDTM", "NLAMS"},
    {"DEDTM", "NLRTM"}, {"DECGN", "DEFRA"}, {"DECGN", "BEBRU"}, {"DECGN", "LULUX"},
    {"DECGN", "BEANR"}, {"DEFRA", "DENUE"}, {"DEFRA", "DESTR"}, {"DEFRA", "FRSXB"},
    {"DEFRA", "DELEJ"}, {"DEFRA", "LULUX"}, {"DELEJ", "DENUE"}, {"DELEJ", "CZPRG"},
    {"DENUE", "DEMUC"}, {"DENUE", "DESTR"}, {"DENUE", "CZPRG"}, {"DENUE", "ATLNZ"},
    {"DESTR", "DEMUC"}, {"DESTR", "FRSXB"}, {"DESTR", "CHZRH"}, {"DEMUC", "ATINN"},
    {"DEMUC", "ATLNZ"}, {"DEMUC", "CHZRH"}, {"NLAMS", "NLRTM"}, {"NLRTM", "BEANR"},
    {"BEANR", "BEBRU"}, {"BEANR", "FRLIL"}, {"BEBRU", "FRLIL"}, {"BEBRU", "LULUX"},
    {"LULUX", "FRSXB"}, {"LULUX", "FRPAR"}, {"FRLIL", "FRPAR"}, {"FRLIL", "GBLON"},
    {"FRPAR", "FRDIJ"}, {"FRPAR", "FRNTE"}, {"FRPAR", "FRBOD"}, {"FRPAR", "FRSXB"},
    {"FRDIJ", "FRLYS"}, {"FRDIJ", "FRSXB"}, {"FRDIJ", "CHBSL"}, {"FRDIJ", "LULUX"},
    {"FRLYS", "FRMRS"}, {"FRLYS", "CHGVA"}, {"FRLYS", "ITTRN"}, {"FRLYS", "FRTLS"},
    {"FRMRS", "ITGOA"}, {"FRMRS", "FRTLS"}, {"FRMRS", "ESBCN"}, {"FRBOD", "FRTLS"},
    {"FRBOD", "FRNTE"}, {"FRBOD", "ESBIO"}, {"FRTLS", "ESBCN"}, {"FRSXB", "CHBSL"},
    {"ESMAD", "ESZAZ"}, {"ESMAD", "ESBIO"}, {"ESMAD", "ESVLC"}, {"ESMAD", "ESSVQ"},
    {"ESMAD", "PTLIS"}, {"ESMAD", "PTOPO"}, {"ESBCN", "ESZAZ"}, {"ESBCN", "ESVLC"},
    {"ESZAZ", "ESBIO"}, {"ESSVQ", "PTLIS"}, {"PTLIS", "PTOPO"}, {"ITMIL", "ITTRN"},
    {"ITMIL", "ITGOA"}, {"ITMIL", "ITBLQ"}, {"ITMIL", "ITVRN"}, {"ITMIL", "CHZRH"},
    {"ITTRN", "ITGOA"}, {"ITTRN", "CHGVA"}, {"ITGOA", "ITROM"}, {"ITBLQ", "ITVRN"},
    {"ITBLQ", "ITROM"}, {"ITBLQ", "ITBRI"}, {"ITROM", "ITNAP"}, {"ITNAP", "ITBRI"},
    {"ITVRN", "ATINN"}, {"ITVRN", "SILJU"}, {"CHZRH", "CHBSL"}, {"CHZRH", "CHGVA"},
    {"CHZRH", "ATINN"}, {"ATVIE", "ATLNZ"}, {"ATVIE", "ATGRZ"}, {"ATVIE", "CZBRQ"},
    {"ATVIE", "SKBTS"}, {"ATLNZ", "CZPRG"}, {"ATLNZ", "ATGRZ"}, {"ATGRZ", "SILJU"},
    {"ATGRZ", "HRZAG"}, {"CZPRG", "CZBRQ"}, {"CZPRG", "PLWRO"}, {"CZBRQ", "SKBTS"},
    {"CZBRQ", "PLKRK"}, {"SKBTS", "HUBUD"}, {"HUBUD", "HRZAG"}, {"HUBUD", "RSBEG"},
    {"HUBUD", "ROCLJ"}, {"HUBUD", "PLKRK"}, {"PLWAW", "PLPOZ"}, {"PLWAW", "PLWRO"},
    {"PLWAW", "PLKRK"}, {"PLWAW", "PLGDN"}, {"PLWAW", "LTKUN"}, {"PLPOZ", "PLWRO"},
    {"PLPOZ", "PLGDN"}, {"PLWRO", "PLKRK"}, {"DKCPH", "SEMMA"}, {"DKCPH", "DKAAR"},
    {"SEMMA", "SEGOT"}, {"SEMMA", "SESTO"}, {"SEGOT", "NOOSL"}, {"SEGOT", "SESTO"},
    {"NOOSL", "SESTO"}, {"SILJU", "HRZAG"}, {"HRZAG", "RSBEG"}, {"RSBEG", "BGSOF"},
    {"RSBEG", "GRSKG"}, {"RSBEG", "ROBUH"}, {"ROBUH", "ROCLJ"}, {"ROBUH", "BGSOF"},
    {"BGSOF", "GRSKG"}, {"GRSKG", "GRATH"}, {"LTKUN", "LVRIX"}, {"LVRIX", "EETLL"},
    {"GBLON", "GBBHM"}, {"GBBHM", "GBMNC"}, {"GBMNC", "GBGLW"}, {"GBLON", "GBMNC"},
});

}  // namespace sources
