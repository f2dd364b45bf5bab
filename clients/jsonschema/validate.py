"""Print what jsonschema.validate says of each config, as JSON: python validate.py schema.json configs.json."""

import json
import sys
from pathlib import Path

from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for

schema, configs = (json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:])
# What jsonschema.validate does, but for looking through the schema each time.
validator = validator_for(schema)(schema)
errors = (best_match(validator.iter_errors(config)) for config in configs)
print(json.dumps([error and error.message for error in errors]))
