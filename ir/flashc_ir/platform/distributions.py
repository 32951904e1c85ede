"""Which distribution a module comes from, and which distributions every worker has.

`IMPORT_NAMES`: modules whose name differs from that of the distribution on PyPI that brings them.
Source: the installation and import lines of each project's page on PyPI.
`WORKER_DISTRIBUTIONS`: what an environment with `runpod-flash` 1.21 and `runpod` 1.12 holds, read from the
installed metadata of such an environment; every worker image installs both.
"""

from __future__ import annotations

from packaging.utils import canonicalize_name

IMPORT_NAMES: dict[str, tuple[str, ...]] = {
    "Crypto": ("pycryptodome",),
    "Levenshtein": ("levenshtein", "python-levenshtein"),
    "MySQLdb": ("mysqlclient",),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow", "pillow-simd"),
    "PyPDF2": ("pypdf2",),
    "TTS": ("coqui-tts", "tts"),
    "attr": ("attrs",),
    "auto_gptq": ("auto-gptq",),
    "bs4": ("beautifulsoup4",),
    "clip": ("openai-clip", "clip", "clip-anytorch"),
    "cv2": (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12"),
    "ffmpeg": ("ffmpeg-python",),
    "fitz": ("pymupdf",),
    "flash_attn": ("flash-attn",),
    "git": ("gitpython",),
    "github": ("pygithub",),
    "google.generativeai": ("google-generativeai",),
    "google.genai": ("google-genai",),
    "google.protobuf": ("protobuf",),
    "gfpgan": ("gfpgan",),
    "haystack": ("haystack-ai",),
    "imagehash": ("imagehash",),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "llama_cpp": ("llama-cpp-python",),
    "magic": ("python-magic",),
    "mpl_toolkits": ("matplotlib",),
    "multipart": ("python-multipart",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pkg_resources": ("setuptools",),
    "pptx": ("python-pptx",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "pydub": ("pydub",),
    "pythonjsonlogger": ("python-json-logger",),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "slugify": ("python-slugify",),
    "socks": ("pysocks",),
    "telegram": ("python-telegram-bot",),
    "umap": ("umap-learn",),
    "usb": ("pyusb",),
    "whisper": ("openai-whisper",),
    "win32api": ("pywin32",),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}

WORKER_DISTRIBUTIONS: frozenset[str] = frozenset(
    """
    agent-detector aiodns aiohappyeyeballs aiohttp aiohttp-retry aiosignal annotated-doc
    annotated-types anyio attrs backoff backports-zstd bcrypt boto3 botocore brotli certifi cffi
    charset-normalizer click cloudpickle colorama cryptography detect-installer dnspython
    email-validator fastapi fastapi-cli fastapi-cloud-cli fastar frozenlist googleapis-common-protos
    h11 httpcore httpcore2 httptools httpx httpx2 idna inquirerpy invoke itsdangerous jinja2
    jmespath markdown-it-py markupsafe mdurl multidict opentelemetry-api
    opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common
    opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
    opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions paramiko pathspec pfzy
    prettytable prompt-toolkit propcache protobuf psutil py-cpuinfo pycares pycparser pydantic
    pydantic-core pydantic-extra-types pydantic-settings pygments pynacl python-dateutil
    python-dotenv python-multipart pyyaml questionary requests rich rich-toolkit rignore runpod
    runpod-flash s3transfer sentry-sdk shellingham six starlette tomli tomlkit tqdm tqdm-loggable
    truststore typer typing-extensions typing-inspection urllib3 uvicorn uvloop watchdog watchfiles
    wcwidth websockets yarl
    """.split()
)

# Brought along by so many others that its absence from a list says nothing.
COMMONLY_TRANSITIVE: frozenset[str] = frozenset(
    """
    attrs botocore fsspec huggingface-hub joblib numpy pillow protobuf pyparsing python-dateutil pytz regex
    safetensors scipy setuptools six sympy tokenizers torch triton typing-extensions
    """.split()
)

# Distributions that do their work without being imported by the program: others load them as an optional
# part, a command line starts them, or they only choose a version.  Source: the projects' own pages on PyPI.
WORKS_UNIMPORTED: frozenset[str] = frozenset(
    """
    accelerate aiofiles asyncpg av bitsandbytes compel decord deepspeed einops fastparquet ffmpeg-python
    flash-attn fsspec ftfy gcsfs gunicorn hf-transfer hf-xet html5lib huggingface-hub imageio-ffmpeg
    invisible-watermark itsdangerous jinja2 kaleido kernels kornia librosa lxml ninja numba numpy openpyxl
    omegaconf onnx onnxruntime onnxruntime-gpu opencv-python opencv-python-headless optimum pandas peft pillow
    pip protobuf psycopg psycopg-binary psycopg2 psycopg2-binary pyarrow pymysql python-multipart s3fs
    safetensors scikit-learn scipy sentencepiece setuptools soundfile tabulate tensorboard tiktoken timm tokenizers
    torch torchaudio torchcodec torchsde torchvision transformers triton uvicorn uvloop wheel xformers xlrd
    xlsxwriter
    """.split()
)


def distributions_of(module: str) -> tuple[str, ...]:
    """The distributions that may bring the dotted `module`, the likeliest first, normalized.

    By the table, else by the name itself: `sentence_transformers` comes from `sentence-transformers`,
    `google.cloud.storage` from `google-cloud-storage` or one of its prefixes.
    """
    parts = module.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    for prefix in prefixes:
        if prefix in IMPORT_NAMES:
            return IMPORT_NAMES[prefix]
    shortest_first = reversed(prefixes)
    return tuple(dict.fromkeys(canonicalize_name(p.replace(".", "-")) for p in shortest_first))


# Modules whose own name is on PyPI too, as the same thing or as a package that somebody may well mean.
_AMBIGUOUS = frozenset(
    {"attr", "bs4", "clip", "ffmpeg", "git", "haystack", "magic", "telegram", "zmq"}
)


def meant_by(requirement: str) -> str | None:
    """The distribution that a normalized name stands for which is only the name of a module."""
    for module, names in IMPORT_NAMES.items():
        if canonicalize_name(module) == requirement and module not in _AMBIGUOUS:
            return None if requirement in names else names[0]
    return None
