# Turns migrations/*.sql into rows of an sw_migration table: { "0001_name", "…" },
# File names give the order. Comments and line ends stay, so that the checksum is of the file's own text.
separate_arguments(FILES)
list(SORT FILES)
set(text "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} sql)
  string(REPLACE "\\" "\\\\" sql "${sql}")
  string(REPLACE "\"" "\\\"" sql "${sql}")
  string(REPLACE "\n" "\\n\"\n    \"" sql "${sql}")
  string(APPEND text "{ \"${name}\",\n    \"${sql}\" },\n")
endforeach()
file(WRITE ${OUT} "${text}")
