"""Things to touch in a page, offline: by mouse, touch or keyboard; what they hold is seen without a script, too."""
