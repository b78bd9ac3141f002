# cmake -D INPUT=x.sql -D OUTPUT=x.c -D NAME=hf_sql_x -D HEADER=pg/sql.h -P embed_sql.cmake
# Writes the text of INPUT as the C string NAME, one source line per line.

file(READ "${INPUT}" text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\t" "\\t" text "${text}")
string(REGEX REPLACE "\n$" "" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n\nconst char ${NAME}[] =\n    \"${text}\\n\";\n")
