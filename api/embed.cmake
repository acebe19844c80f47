# cmake -DOUT=FILE -DIN=openapi.yaml -P embed.cmake: the document as a string literal, made anew when it changes.
file(READ ${IN} content)
file(WRITE ${OUT} "// Made by embed.cmake.\n#include \"api/server.hpp\"\n\nnamespace brig::api {\n\n"
  "std::string_view openapi_document() {\n  return R\"brig_data(${content})brig_data\";\n}\n\n}  // namespace brig::api\n")
