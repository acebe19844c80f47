# cmake -DOUT=FILE -DIN=index.mjs -P embed.cmake: the bridge as a string literal, made anew when it changes.
file(READ ${IN} content)
file(WRITE ${OUT} "// Made by embed.cmake.\n#include \"service/bridge.hpp\"\n\nnamespace brig::service {\n\n"
  "std::string_view bridge() {\n  return R\"brig_data(${content})brig_data\";\n}\n\n}  // namespace brig::service\n")
