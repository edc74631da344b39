# Where `cmake --install` puts things: bin/dlc, lib/libdlc.a, include/dlc/ (dlc.h, and runtime/abi.h, whose codes a Status
# has), and lib/cmake/dlc/ for find_package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(config ${CMAKE_INSTALL_LIBDIR}/cmake/dlc)

set_target_properties(dlc PROPERTIES EXPORT_NAME command INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS dlc dlc_library EXPORT dlcTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dlc)
install(FILES dlc.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dlc)
install(FILES ${PROJECT_SOURCE_DIR}/runtime/abi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dlc/runtime)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(EXPORT dlcTargets NAMESPACE dlc:: DESTINATION ${config})

configure_package_config_file(dlcConfig.cmake.in dlcConfig.cmake INSTALL_DESTINATION ${config})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/dlcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/dlcConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/dlcConfigVersion.cmake DESTINATION ${config})
