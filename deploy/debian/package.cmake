# The Debian package, by CPack; deploy/package makes it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME brig)
set(CPACK_PACKAGE_VENDOR Brig)
set(CPACK_PACKAGE_CONTACT "The Brig project <brig@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "sandboxes for untrusted agents, in Docker
 Brig runs agents in containers without a network, without rights and over a
 copy of your project: brigd is the service on a host with a Docker engine,
 brig its command line.")
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};brig;brig;/;${CMAKE_BINARY_DIR};brig;debian;/")

# What the programs are linked with, dpkg-shlibdeps finds; what they run, deploy/dependencies knows.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/deploy/dependencies --list OUTPUT_VARIABLE run
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ", " run "${run}")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "debconf (>= 0.5) | debconf-2.0, e2fsprogs, passwd, ${run}")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "docker.io | docker-ce, logrotate")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "crun, runsc, bash-completion")

set(scripts ${CMAKE_CURRENT_LIST_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm ${scripts}/templates
  ${scripts}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
