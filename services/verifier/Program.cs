using System.Text;
using Exchange.Verifier;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
return new Commands(Console.Out, Console.Error, showsProgress: !Console.IsErrorRedirected).Run(args);
