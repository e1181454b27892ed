namespace DurableGateway.Dashboard;

/// <summary>What every page is made with: who asks, when, and the token of its forms.</summary>
/// <param name="Who">As histories name them; <see langword="null"/> on the login page.</param>
/// <param name="HasLogin">Whether there is something to log out of.</param>
/// <param name="Now">Ages are reckoned from here.</param>
/// <param name="Form">See <see cref="SessionCookies.FormToken"/>.</param>
/// <param name="Path">Of the page, to mark it in the navigation.</param>
/// <param name="MayAct">Whether they may do more than look.</param>
internal sealed record PageContext(string? Who, bool HasLogin, DateTimeOffset Now, string Form, string Path, bool MayAct = false);
