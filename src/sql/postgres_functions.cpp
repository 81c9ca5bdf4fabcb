#include "sql/postgres_functions.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "sql/type.h"

namespace sql {
namespace {

// A column of the arguments.
class Argument {
 public:
  Argument(duckdb_data_chunk chunk, idx_t index)
      : vector_(duckdb_data_chunk_get_vector(chunk, index)),
        validity_(duckdb_vector_get_validity(vector_)),
        data_(duckdb_vector_get_data(vector_)) {}
  bool is_null(idx_t row) const {
    return validity_ != nullptr && !duckdb_validity_row_is_valid(validity_, row);
  }
  template <class T>
  T at(idx_t row) const {
    return static_cast<const T*>(data_)[row];
  }
  std::string_view text_at(idx_t row) const {
    auto& text = static_cast<duckdb_string_t*>(data_)[row];
    return {duckdb_string_t_data(&text), duckdb_string_t_length(text)};
  }

 private:
  duckdb_vector vector_;
  std::uint64_t* validity_;
  void* data_;
};

void set_null(duckdb_vector output, idx_t row) {
  duckdb_vector_ensure_validity_writable(output);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
}

// One value of each row; `call(row)` is false when it has set an error.
template <class Call>
void each_row(duckdb_data_chunk input, duckdb_vector output, idx_t arguments, Call call) {
  const idx_t rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < rows; ++row) {
    bool null = false;
    for (idx_t i = 0; i < arguments; ++i) null = null || Argument(input, i).is_null(row);
    if (null) {
      set_null(output, row);
    } else if (!call(row)) {
      return;
    }
  }
}

template <class T, class R>
void divide(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument left(input, 0);
  const Argument right(input, 1);
  auto* const out = static_cast<R*>(duckdb_vector_get_data(output));
  each_row(input, output, 2, [&](idx_t row) {
    const T a = left.at<T>(row);
    const T b = right.at<T>(row);
    if (b == T{0}) return duckdb_scalar_function_set_error(info, "division by zero"), false;
    if constexpr (std::is_integral_v<T>) {
      if (b == -1 && a == std::numeric_limits<T>::min()) {
        return duckdb_scalar_function_set_error(info, "Out of Range Error: integer out of range"),
               false;
      }
      out[row] = static_cast<R>(a / b);
    } else {
      out[row] = a / b;
    }
    return true;
  });
}

double to_double(duckdb_hugeint value) { return duckdb_hugeint_to_double(value); }

void divide_huge(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument left(input, 0);
  const Argument right(input, 1);
  auto* const out = static_cast<double*>(duckdb_vector_get_data(output));
  each_row(input, output, 2, [&](idx_t row) {
    const double divisor = to_double(right.at<duckdb_hugeint>(row));
    if (divisor == 0) return duckdb_scalar_function_set_error(info, "division by zero"), false;
    out[row] = to_double(left.at<duckdb_hugeint>(row)) / divisor;
    return true;
  });
}

// Fractions of months go to days of 30, those of days to hours.
void divide_interval(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument left(input, 0);
  const Argument right(input, 1);
  auto* const out = static_cast<duckdb_interval*>(duckdb_vector_get_data(output));
  each_row(input, output, 2, [&](idx_t row) {
    const auto value = left.at<duckdb_interval>(row);
    const double divisor = right.at<double>(row);
    if (divisor == 0) return duckdb_scalar_function_set_error(info, "division by zero"), false;
    const double months = value.months / divisor;
    const double days = value.days / divisor + (months - std::trunc(months)) * 30;
    const double day_part = (days - std::trunc(days)) * 86'400e6;
    out[row] = {.months = static_cast<std::int32_t>(months),
                .days = static_cast<std::int32_t>(days),
                .micros = static_cast<std::int64_t>(
                    std::round(static_cast<double>(value.micros) / divisor + day_part))};
    return true;
  });
}

void give_text(duckdb_vector output, idx_t row, const std::string& text) {
  duckdb_vector_assign_string_element_len(output, row, text.data(), text.size());
}

void time_to_char(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument time(input, 0);
  const Argument format(input, 1);
  each_row(input, output, 2, [&](idx_t row) {
    const auto micros = time.at<std::int64_t>(row);
    const bool infinite = micros >= std::numeric_limits<std::int64_t>::max() - 1 ||
                          micros <= -std::numeric_limits<std::int64_t>::max();
    if (infinite) return set_null(output, row), true;
    return give_text(output, row, format_time(micros, format.text_at(row))), true;
  });
}

void interval_to_char(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument value(input, 0);
  const Argument format(input, 1);
  each_row(input, output, 2, [&](idx_t row) {
    const auto one = value.at<duckdb_interval>(row);
    give_text(output, row,
              format_interval({one.months, one.days, one.micros}, format.text_at(row)));
    return true;
  });
}

void number_to_char(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument value(input, 0);
  const Argument format(input, 1);
  each_row(input, output, 2, [&](idx_t row) {
    const auto text = format_number(value.at<double>(row), format.text_at(row));
    if (!text) {
      const auto message = "Not implemented Error: " + text.error().message;
      return duckdb_scalar_function_set_error(info, message.c_str()), false;
    }
    return give_text(output, row, *text), true;
  });
}

void parse_time_of(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument text(input, 0);
  const Argument format(input, 1);
  auto* const out = static_cast<std::int64_t*>(duckdb_vector_get_data(output));
  each_row(input, output, 2, [&](idx_t row) {
    const auto micros = parse_time(text.text_at(row), format.text_at(row));
    if (!micros) {
      const auto message = "Conversion Error: " + micros.error().message;
      return duckdb_scalar_function_set_error(info, message.c_str()), false;
    }
    out[row] = *micros;
    return true;
  });
}

void initcap(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Argument value(input, 0);
  each_row(input, output, 1, [&](idx_t row) {
    std::string text(value.text_at(row));
    bool inside = false;
    for (char& c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool letter = std::isalnum(byte) != 0 || byte >= 0x80;
      if (std::isalpha(byte) != 0 && byte < 0x80)
        c = static_cast<char>(inside ? std::tolower(byte) : std::toupper(byte));
      inside = letter;
    }
    return give_text(output, row, text), true;
  });
}

using ScalarFunction = Owned<duckdb_scalar_function, duckdb_destroy_scalar_function>;
using ScalarFunctionSet = Owned<duckdb_scalar_function_set, duckdb_destroy_scalar_function_set>;

struct Overload {
  std::vector<duckdb_type> arguments;
  duckdb_type result;
  duckdb_scalar_function_t call;
};

base::Result<> register_set(duckdb_connection connection, const char* name,
                            const std::vector<Overload>& overloads) {
  ScalarFunctionSet set(duckdb_create_scalar_function_set(name));
  for (const auto& overload : overloads) {
    ScalarFunction function(duckdb_create_scalar_function());
    duckdb_scalar_function_set_name(function.get(), name);
    for (const auto type : overload.arguments) {
      const TypeHandle argument(duckdb_create_logical_type(type));
      duckdb_scalar_function_add_parameter(function.get(), argument.get());
    }
    const TypeHandle result(duckdb_create_logical_type(overload.result));
    duckdb_scalar_function_set_return_type(function.get(), result.get());
    duckdb_scalar_function_set_function(function.get(), overload.call);
    duckdb_add_scalar_function_to_set(set.get(), function.get());
  }
  if (duckdb_register_scalar_function_set(connection, set.get()) == DuckDBSuccess) return {};
  return base::fail(base::Code::kInvalid, "DuckDB does not take the function {}", name);
}

}  // namespace

base::Result<> register_postgres_functions(duckdb_connection connection) {
  TRY(register_set(
      connection, "postgres_divide",
      {{{DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_SMALLINT},
        DUCKDB_TYPE_SMALLINT,
        divide<std::int16_t, std::int16_t>},
       {{DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_INTEGER},
        DUCKDB_TYPE_INTEGER,
        divide<std::int32_t, std::int32_t>},
       {{DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BIGINT},
        DUCKDB_TYPE_BIGINT,
        divide<std::int64_t, std::int64_t>},
       {{DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_HUGEINT}, DUCKDB_TYPE_DOUBLE, divide_huge},
       {{DUCKDB_TYPE_FLOAT, DUCKDB_TYPE_FLOAT}, DUCKDB_TYPE_FLOAT, divide<float, float>},
       {{DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_DOUBLE}, DUCKDB_TYPE_DOUBLE, divide<double, double>},
       {{DUCKDB_TYPE_INTERVAL, DUCKDB_TYPE_DOUBLE}, DUCKDB_TYPE_INTERVAL, divide_interval}}));
  TRY(register_set(
      connection, "postgres_to_char",
      {{{DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, time_to_char},
       {{DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, time_to_char},
       {{DUCKDB_TYPE_INTERVAL, DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, interval_to_char},
       {{DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, number_to_char}}));
  TRY(register_set(
      connection, "postgres_parse_time",
      {{{DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_TIMESTAMP_TZ, parse_time_of}}));
  return register_set(connection, "initcap",
                      {{{DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, initcap}});
}

}  // namespace sql
