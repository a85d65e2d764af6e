# sw_add_core_folder(NAME LIBS…): core/NAME/*.c as objects. Everything of the core is linked whole into the
# server, since plugins call functions that the core itself does not.
function(sw_add_core_folder name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(core_${name} OBJECT ${sources})
  target_link_libraries(core_${name} PUBLIC steward_flags ${ARGN})
  set_property(GLOBAL APPEND PROPERTY SW_CORE_FOLDERS core_${name})
endfunction()

# sw_add_plugin(PATH [LIBS…]): plugins/PATH/**.c as lib/steward/plugins/NAME.so, NAME being the last part of PATH. It
# may use the public headers and core/common alone; migrations/*.sql are embedded as string literals in migrations.inc.
function(sw_add_plugin path)
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${path})
  get_filename_component(name ${path} NAME)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.c)
  if(NOT EXISTS ${dir}/plugin.c)
    return()
  endif()
  string(MAKE_C_IDENTIFIER ${name} id)
  add_library(plugin_${id} MODULE ${sources})
  file(GLOB migrations CONFIGURE_DEPENDS ${dir}/migrations/*.sql)
  if(migrations)
    set(inc ${CMAKE_CURRENT_BINARY_DIR}/${path}/migrations.inc)
    add_custom_command(OUTPUT ${inc}
      COMMAND ${CMAKE_COMMAND} -DOUT=${inc} "-DFILES=${migrations}" -P ${PROJECT_SOURCE_DIR}/config/cmake/embed_sql.cmake
      DEPENDS ${migrations} ${PROJECT_SOURCE_DIR}/config/cmake/embed_sql.cmake VERBATIM)
    target_sources(plugin_${id} PRIVATE ${inc})
    target_include_directories(plugin_${id} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${path})
  endif()
  target_include_directories(plugin_${id} PRIVATE ${dir})
  target_link_libraries(plugin_${id} PRIVATE steward_common steward_flags ${ARGN})
  set_target_properties(plugin_${id} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/steward/plugins)
  install(TARGETS plugin_${id} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/steward/plugins COMPONENT plugin-${name})
endfunction()
