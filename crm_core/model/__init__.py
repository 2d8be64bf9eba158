"""The model: entities, users and their permissions, events, files, and their JSON documents."""
