// pgjdbc against Waybill: DatabaseMetaData, types, prepared statements, fetch size, batches of parameters.
//
//   java -cp postgresql.jar SqlMetadata.java URL
//
// prints a line per case, "ok NAME" or "FAILED NAME: reason".
import java.math.BigDecimal;
import java.sql.*;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.*;

public class SqlMetadata {
  interface Case {
    void run(Connection connection) throws Exception;
  }

  static final Map<String, Case> CASES = new LinkedHashMap<>();

  static void check(boolean fine, Object got) {
    if (!fine) throw new IllegalStateException("got " + got);
  }

  static List<String> texts(ResultSet rows, String... columns) throws SQLException {
    List<String> out = new ArrayList<>();
    while (rows.next()) {
      List<String> row = new ArrayList<>();
      for (String column : columns) row.add(rows.getString(column));
      out.add(String.join("|", row.stream().map(String::valueOf).toList()));
    }
    return out;
  }

  static {
    CASES.put("names itself as PostgreSQL 15", c -> {
      DatabaseMetaData about = c.getMetaData();
      check(about.getDatabaseProductName().equals("PostgreSQL") && about.getDatabaseMajorVersion() == 15, about.getDatabaseProductVersion());
      check(about.getMaxColumnNameLength() == 63, about.getMaxColumnNameLength());
      check(!about.getSQLKeywords().isEmpty(), "no keywords");
      check(c.getCatalog().equals("waybill") && c.getSchema() != null, c.getCatalog() + " " + c.getSchema());
    });
    CASES.put("getSchemas lists the lake's schemas", c -> {
      List<String> got = texts(c.getMetaData().getSchemas(), "TABLE_SCHEM");
      check(got.containsAll(List.of("w", "public", "pg_catalog")), got);
    });
    CASES.put("getCatalogs has the one database", c -> check(texts(c.getMetaData().getCatalogs(), "TABLE_CAT").equals(List.of("waybill")), "?"));
    CASES.put("getTables lists tables of a pattern with their kind and comment", c -> {
      List<String> got = texts(c.getMetaData().getTables(null, "w", "%", new String[] {"TABLE"}), "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE");
      check(got.equals(List.of("w|events|TABLE", "w|hubs|TABLE", "w|shipments|TABLE")), got);
      got = texts(c.getMetaData().getTables(null, null, "hu%", null), "TABLE_NAME", "TABLE_TYPE", "REMARKS");
      check(got.contains("hubs|TABLE|where freight changes hands") && got.size() == 2, got);
      check(texts(c.getMetaData().getTables(null, "w", "%", new String[] {"VIEW"}), "TABLE_NAME").isEmpty(), "views");
      check(texts(c.getMetaData().getTableTypes(), "TABLE_TYPE").contains("TABLE"), "types");
    });
    CASES.put("getColumns gives types, sizes, order and nullability", c -> {
      List<String> got = texts(c.getMetaData().getColumns(null, "w", "shipments", "%"), "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "ORDINAL_POSITION", "NULLABLE");
      check(got.size() == 8 && got.get(0).equals("id|" + Types.BIGINT + "|int8|1|1") && got.get(5).equals("event_time|" + Types.TIMESTAMP + "|timestamptz|6|1"), got);
      check(got.get(3).startsWith("weight|" + Types.DOUBLE) && got.get(6).startsWith("delivered|" + Types.BIT), got);
      got = texts(c.getMetaData().getColumns(null, "w", "hubs", "hub"), "COLUMN_NAME", "IS_NULLABLE", "TABLE_NAME");
      check(got.equals(List.of("hub|NO|hubs")), got);
    });
    CASES.put("getPrimaryKeys names the key", c -> {
      List<String> got = texts(c.getMetaData().getPrimaryKeys(null, "w", "hubs"), "TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ", "PK_NAME");
      check(got.equals(List.of("w|hubs|hub|1|hubs_pkey")), got);
      check(texts(c.getMetaData().getPrimaryKeys(null, "w", "events"), "COLUMN_NAME").isEmpty(), "events");
    });
    CASES.put("getIndexInfo names the index of the key", c -> {
      List<String> got = texts(c.getMetaData().getIndexInfo(null, "w", "hubs", false, false), "INDEX_NAME", "NON_UNIQUE", "COLUMN_NAME", "ORDINAL_POSITION");
      check(got.equals(List.of("hubs_pkey|f|hub|1")), got);
      check(texts(c.getMetaData().getIndexInfo(null, "w", "events", false, true), "INDEX_NAME").isEmpty(), "events");
    });
    CASES.put("getImportedKeys, getExportedKeys and getCrossReference are empty", c -> {
      check(!c.getMetaData().getImportedKeys(null, "w", "hubs").next(), "imported");
      check(!c.getMetaData().getExportedKeys(null, "w", "hubs").next(), "exported");
      check(!c.getMetaData().getCrossReference(null, "w", "hubs", null, "w", "events").next(), "cross");
    });
    CASES.put("getTypeInfo lists types with their numbers", c -> {
      List<String> got = texts(c.getMetaData().getTypeInfo(), "TYPE_NAME", "DATA_TYPE");
      check(got.contains("int8|" + Types.BIGINT) && got.contains("text|" + Types.VARCHAR) && got.contains("numeric|" + Types.NUMERIC), got);
    });
    CASES.put("getFunctions, getProcedures, getUDTs and privileges answer", c -> {
      DatabaseMetaData about = c.getMetaData();
      about.getFunctions(null, "w", "%").close();
      about.getProcedures(null, "w", "%").close();
      about.getUDTs(null, "w", "%", null).close();
      about.getTablePrivileges(null, "w", "%").close();
      about.getColumnPrivileges(null, "w", "hubs", "%").close();
      about.getBestRowIdentifier(null, "w", "hubs", DatabaseMetaData.bestRowSession, true).close();
      about.getVersionColumns(null, "w", "hubs").close();
      about.getClientInfoProperties().close();
    });
    CASES.put("values of each type come as Java's", c -> {
      try (Statement s = c.createStatement();
           ResultSet r = s.executeQuery("SELECT id, weight, shipped, event_time, delivered, note, customer, hub FROM w.shipments WHERE id = 5")) {
        check(r.next(), "no row");
        check(r.getLong(1) == 5L && r.getDouble(2) == 42.5 && r.getObject(3, LocalDate.class).equals(LocalDate.of(2024, 1, 1)), r.getObject(3));
        check(r.getObject(4, OffsetDateTime.class).isEqual(OffsetDateTime.of(2024, 1, 1, 1, 0, 55, 0, ZoneOffset.UTC)), r.getObject(4, OffsetDateTime.class));
        check(r.getBoolean(5) && r.getString(6) == null && r.wasNull() && r.getString(7).equals("C5") && r.getInt(8) == 5, r.getString(7));
        ResultSetMetaData columns = r.getMetaData();
        check(columns.getColumnType(1) == Types.BIGINT && columns.getColumnClassName(4).equals("java.sql.Timestamp"), columns.getColumnClassName(4));
      }
      try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT sum(id), 12.50::numeric(10,2), count(*) FROM w.shipments")) {
        check(r.next() && r.getBigDecimal(1).equals(new BigDecimal(20100)) && r.getBigDecimal(2).equals(new BigDecimal("12.50")), r.getBigDecimal(2));
      }
    });
    CASES.put("prepared statements go on from text to binary", c -> {
      try (PreparedStatement s = c.prepareStatement("SELECT id, weight, event_time, customer, shipped FROM w.shipments WHERE id = ? AND weight > ? AND shipped >= ?")) {
        for (int i = 1; i < 20; i++) {
          s.setLong(1, i);
          s.setDouble(2, -1);
          s.setObject(3, LocalDate.of(2024, 1, 1));
          try (ResultSet r = s.executeQuery()) {
            check(r.next() && r.getLong(1) == i && r.getString(4).equals("C" + i % 17), i);
          }
        }
        check(s.getParameterMetaData().getParameterCount() == 3, "parameters");
        check(s.getMetaData().getColumnCount() == 5, "columns");
      }
    });
    CASES.put("a fetch size takes rows in pieces", c -> {
      c.setAutoCommit(false);
      try (Statement s = c.createStatement()) {
        s.setFetchSize(7);
        try (ResultSet r = s.executeQuery("SELECT id FROM w.shipments ORDER BY id")) {
          int rows = 0;
          while (r.next()) check(r.getInt(1) == ++rows, rows);
          check(rows == 200, rows);
        }
        c.commit();
      } finally {
        c.setAutoCommit(true);
      }
    });
    CASES.put("errors carry SQLSTATE and place", c -> {
      try (Statement s = c.createStatement()) {
        s.executeQuery("SELECT nope FROM w.hubs");
        check(false, "no error");
      } catch (SQLException error) {
        check(error.getSQLState().equals("42703"), error.getSQLState());
      }
      try (Statement s = c.createStatement()) {
        s.executeUpdate("DELETE FROM w.hubs");
        check(false, "no error");
      } catch (SQLException error) {
        check(error.getSQLState().equals("25006") || error.getSQLState().equals("42501"), error.getSQLState());
      }
    });
    CASES.put("isValid, setReadOnly, setSchema and network time-outs", c -> {
      check(c.isValid(5), "not valid");
      c.setReadOnly(true);
      c.setReadOnly(false);
      c.setSchema("w");
      try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT count(*) FROM hubs")) {
        check(r.next() && r.getInt(1) == 6, r.getInt(1));
      }
      c.setSchema("public");
    });
  }

  public static void main(String[] arguments) throws Exception {
    int failed = 0;
    for (Map.Entry<String, Case> entry : CASES.entrySet()) {
      try (Connection connection = DriverManager.getConnection(arguments[0])) {
        entry.getValue().run(connection);
        System.out.println("ok     jdbc: " + entry.getKey());
      } catch (Throwable error) {
        failed++;
        System.out.println("FAILED jdbc: " + entry.getKey() + ": " + error);
      }
    }
    System.out.println((CASES.size() - failed) + " passed, " + failed + " failed");
  }
}
