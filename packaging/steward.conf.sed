# Makes the configuration of the packages from config/steward.conf, for sed: as the server's own, but for these lines.
# The data folder is named so that `steward db backup` and the like find it where there is no $STATE_DIRECTORY.
s/^#data_dir =$/data_dir = \/var\/lib\/steward/
s/^#enabled = .*/enabled = auth, users, messages, chat/
