"""What somebody sees and changes of themself: where they are logged in; patients also their record."""
