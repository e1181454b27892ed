"""Durable steps for Flask.

::

    app = Flask(__name__)
    Durable(app)
"""

from __future__ import annotations

from typing import Any, Optional

from ._attempt import current
from ._options import DurableOptions
from .wsgi import DurableMiddleware

__all__ = ["Durable"]


class Durable:
    """Makes the views of an application attempts of their runs. An extension of Flask: with an application factory, call :meth:`init_app`.

    An error handler of the application that catches a failure makes it the application's affair. What no error handler catches is the
    run's failure.
    """

    def __init__(self, app: Any = None, options: Optional[DurableOptions] = None) -> None:
        self._options = options
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Any) -> None:
        app.wsgi_app = DurableMiddleware(app.wsgi_app, self._options)
        handle_exception = app.handle_exception

        def noting(error: BaseException) -> Any:
            # Flask makes an ordinary 500 of it.
            attempt = current.get()
            if attempt is not None:
                attempt.note(error)
            return handle_exception(error)

        app.handle_exception = noting
