namespace Exchange.Local;

/// <summary>Something on this machine that the reader can put right. The message is all that is shown, so it says how.</summary>
internal sealed class LocalFault(string message) : Exception(message);
