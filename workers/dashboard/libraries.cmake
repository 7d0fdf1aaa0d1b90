# The page's libraries from npm, exactly as package-lock.json names them: fetched once for all presets into build/npm/, carried
# by the binary. Sets `out` to the list "NAME|FILE" of what is there. Without npm the binary is built all the same, and its page
# says what is missing.
function(page_libraries out)
  set(wanted
    supabase.js|node_modules/@supabase/supabase-js/dist/umd/supabase.js
    chart.js|node_modules/chart.js/dist/chart.umd.min.js)
  set(from ${CMAKE_SOURCE_DIR}/workers/dashboard)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${from}/package-lock.json)
  file(SHA256 ${from}/package-lock.json version)
  string(SUBSTRING ${version} 0 12 version)
  set(folder ${CMAKE_SOURCE_DIR}/build/npm/${version})

  file(MAKE_DIRECTORY ${CMAKE_SOURCE_DIR}/build/npm)
  file(LOCK ${CMAKE_SOURCE_DIR}/build/npm/lock GUARD FUNCTION TIMEOUT 600) # two presets may be configured at once
  if(NOT EXISTS ${folder})
    file(REMOVE_RECURSE ${folder}.part)
    file(COPY ${from}/package.json ${from}/package-lock.json DESTINATION ${folder}.part)
    find_program(NPM npm)
    set(result "npm is not installed")
    if(NPM)
      execute_process(
        COMMAND ${NPM} ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=2 --fetch-timeout=60000
        WORKING_DIRECTORY ${folder}.part TIMEOUT 300 RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE complaint)
    endif()
    if(result EQUAL 0)
      file(RENAME ${folder}.part ${folder})
    else()
      message(WARNING "The dashboard's libraries are missing, and its page will say so: ${result} ${complaint}")
    endif()
  endif()

  set(found "")
  foreach(library ${wanted})
    string(REGEX REPLACE "\\|.*" "" name ${library})
    string(REGEX REPLACE ".*\\|" "" file ${library})
    if(EXISTS ${folder}/${file})
      list(APPEND found "${name}|${folder}/${file}")
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()
