# Part of packaging/build, which reads it.
# shellcheck shell=bash

# package_rpm TREE OUT: makes the packages from TREE and puts them into OUT. Their times and host name are not those of
# this build but the changelog's and "localhost": the same tree gives the same packages.
package_rpm() {
  local tree=$1 out=$2 top version
  top=$(dirname "$tree")/rpm
  version=$(sed -nE 's/^project\(steward VERSION ([0-9.]+).*/\1/p' "$tree/CMakeLists.txt")
  mkdir -p "$top/SOURCES" "$top/tmp"
  tar --create --gzip --file "$top/SOURCES/steward-$version.tar.gz" --directory "$tree" \
    --transform "s,^\.,steward-$version," .
  rpmbuild -bb --nodeps "$tree/packaging/rpm/steward.spec" \
    --define "steward_version $version" \
    --define "_topdir $top" --define "_tmppath $top/tmp" \
    --define "_buildhost localhost" \
    --define "source_date_epoch_from_changelog 1" \
    --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1"
  mv "$top"/RPMS/*/*.rpm "$out"
}
