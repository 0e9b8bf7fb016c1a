"""Template folders: where they are, what they hold, their files' shapes, a new one."""
