# cmake -DOUT=FILE -DIN=FILE -DHEADER=… -DSCOPE=NAMESPACE -DNAME=FUNCTION -P embed.cmake: a file as a string literal.
file(READ ${IN} content)
file(WRITE ${OUT} "// Made by embed.cmake.\n#include \"${HEADER}\"\n\nnamespace ${SCOPE} {\n\n"
  "std::string_view ${NAME}() {\n  return R\"brig_data(${content})brig_data\";\n}\n\n}  // namespace ${SCOPE}\n")
