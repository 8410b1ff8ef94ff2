# The DEB and the RPM: cmake --workflow --preset package
# Made where the tools are; paths are those of /usr, so the preset sets the prefix.
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps NO_CACHE)
find_program(RPMBUILD rpmbuild NO_CACHE)
set(CPACK_GENERATOR)
if(DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
if(RPMBUILD)
  list(APPEND CPACK_GENERATOR RPM)
endif()

set(package_dir ${CMAKE_CURRENT_LIST_DIR})
set(VPCE_MAINTAINER "vpce-probe maintainers <maintainers@vpce-probe.invalid>" CACHE STRING
  "Who answers for the packages")
configure_file(${package_dir}/changelog.in package/changelog @ONLY)
add_custom_command(OUTPUT package/changelog.gz
  COMMAND ${GZIP} -9 -n -f -k package/changelog DEPENDS ${CMAKE_BINARY_DIR}/package/changelog)
add_custom_target(changelog ALL DEPENDS package/changelog.gz)
install(FILES ${CMAKE_BINARY_DIR}/package/changelog.gz ${package_dir}/copyright
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_PACKAGE_NAME vpce-probe)
set(CPACK_PACKAGE_CONTACT ${VPCE_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION
"An ECS container instance in a private subnet reaches ECS, ECR, S3 and
CloudWatch Logs only through VPC endpoints. vpce-probed connects to every
address of each of them, and says which endpoint, which address and which
layer fails, why, and what to change.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
  GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# The sonames say which libraries, and the symbols how old they may be, but a mended library has the
# same; what the sonames do not say is asked for by name.
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "systemd (>= ${VPCE_SYSTEMD_MIN}), ca-certificates, libssl3 (>= ${VPCE_OPENSSL_MIN})")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
file(CONFIGURE OUTPUT package/conffiles CONTENT "/etc/vpce-probe/vpce-probe.conf\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/package/conffiles
  ${package_dir}/deb/postinst ${package_dir}/deb/prerm ${package_dir}/deb/postrm)
if("DEB" IN_LIST CPACK_GENERATOR)
  install(FILES ${package_dir}/deb/lintian-overrides RENAME vpce-probe
    DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides)
endif()

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_GROUP System/Monitoring)
set(CPACK_RPM_PACKAGE_REQUIRES "systemd >= ${VPCE_SYSTEMD_MIN}, ca-certificates, \
c-ares >= ${VPCE_CARES_MIN}, libevent >= ${VPCE_EVENT_MIN}, openssl-libs >= 1:${VPCE_OPENSSL_MIN}, \
expat >= ${VPCE_EXPAT_MIN}, jansson >= ${VPCE_JANSSON_MIN}")
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/vpce-probe/vpce-probe.conf"
  "%exclude /usr/share/lintian/overrides/vpce-probe")
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${package_dir}/rpm/post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${package_dir}/rpm/preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${package_dir}/rpm/postun)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
# folders of others
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /usr/sbin /usr/${VPCE_UNITDIR} /usr/${VPCE_CATALOGDIR} /usr/lib/systemd
  /usr/share/bash-completion /usr/share/bash-completion/completions
  /usr/share/zsh /usr/share/zsh/site-functions
  /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man8
  /usr/share/lintian /usr/share/lintian/overrides)
include(CPack)
