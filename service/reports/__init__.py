"""What a run looks like to people and to programs: text, markdown, JUnit XML, a badge. A document in, a text out."""
