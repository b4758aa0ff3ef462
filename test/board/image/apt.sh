# Sourced by scripts/test-board: packages of a named Debian release, whatever the machine itself runs. This apt has its
# own lists and folders below $cache; nothing of the machine's is read or changed but Debian's keys.

# Where this machine itself gets Debian from, unless told otherwise; apt knows it without having fetched anything.
mirror=${CARDPAD_BOARD_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m 1 -E '/debian/?$' || true)}
mirror=${mirror%/}

# apt_of RELEASE ARCHITECTURE COMMAND ...    COMMAND is a program of apt: apt-get, apt-cache
apt_of() {
  apt_release=$1 apt_arch=$2 apt_program=$3
  shift 3
  apt_home="$cache/apt/$apt_release-$apt_arch"
  if [ ! -f "$apt_home/apt.conf" ]; then
    mkdir -p "$apt_home/lists/partial" "$apt_home/archives/partial" "$apt_home/parts"
    : >"$apt_home/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $apt_release main" \
      >"$apt_home/sources.list"
    cat >"$apt_home/apt.conf.new" <<CONF
APT::Architecture "$apt_arch";
APT::Architectures "$apt_arch";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::SourceList "$apt_home/sources.list";
Dir::Etc::SourceParts "$apt_home/parts";
Dir::Etc::Parts "$apt_home/parts";
Dir::Etc::Preferences "$apt_home/preferences";
Dir::Etc::PreferencesParts "$apt_home/parts";
Dir::State::Lists "$apt_home/lists";
Dir::State::Status "$apt_home/status";
Dir::Cache "$apt_home";
CONF
    mv "$apt_home/apt.conf.new" "$apt_home/apt.conf"
  fi
  APT_CONFIG="$apt_home/apt.conf" "$apt_program" "$@"
}

# fetch_packages RELEASE ARCHITECTURE FOLDER PACKAGE ...    the .deb files, unopened
fetch_packages() {
  fetch_release=$1 fetch_arch=$2 fetch_folder=$3
  shift 3
  mkdir -p "$fetch_folder"
  (cd "$fetch_folder" && apt_of "$fetch_release" "$fetch_arch" apt-get download -qq "$@")
}
